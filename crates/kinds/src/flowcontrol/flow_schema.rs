//! Sorts requests into priority levels.

mod validate;

use crate::{Cell, Column, Names, Strategy, Subresource, columns};
use jiff::Timestamp;
use k8s_openapi::api::flowcontrol::v1 as upstream;
use machinery::field::{Error, ErrorList, Path};

/// The law of FlowSchema.
pub(crate) struct FlowSchema;

impl Strategy for FlowSchema {
    type Object = upstream::FlowSchema;

    fn names(&self) -> Names {
        Names::cluster("flowschemas", "flowschema")
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("FlowSchema")] }
    }

    crate::prepare::spec_and_status!();

    fn default(&self, object: &mut upstream::FlowSchema) {
        let precedence = object.spec.as_mut().map(|it| &mut it.matching_precedence);
        if let Some(precedence) = precedence.filter(|it| it.unwrap_or(0) == 0) {
            *precedence = Some(1000);
        }
    }

    fn validate(&self, object: &upstream::FlowSchema) -> ErrorList {
        validate::flow_schema(object)
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::FlowSchema,
        _: &upstream::FlowSchema,
    ) -> ErrorList {
        let conditions = new
            .status
            .iter()
            .flat_map(|it| it.conditions.iter().flatten());
        conditions_of(conditions.map(|it| it.type_.as_deref().unwrap_or_default()))
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "PriorityLevel",
                    "`name` is the name of the priority level configuration being referenced Required.",
                ),
                Column::text(
                    "MatchingPrecedence",
                    "`matchingPrecedence` is used to choose among the FlowSchemas that match a given request. The chosen FlowSchema is among those with the numerically lowest (which we take to be logically highest) MatchingPrecedence.  Each MatchingPrecedence value must be ranged in [1,10000]. Note that if the precedence is not specified, it will be set to 1000 as default.",
                ),
                Column::text(
                    "DistinguisherMethod",
                    "`distinguisherMethod` defines how to compute the flow distinguisher for requests that match this schema. `nil` specifies that the distinguisher is disabled and thus will always be the empty string.",
                ),
                Column::AGE,
                Column::text(
                    "MissingPL",
                    "references a broken or non-existent PriorityLevelConfiguration",
                ),
            ]
        }
    }

    fn row(&self, object: &upstream::FlowSchema, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.clone().unwrap_or_default();
        let method = spec.distinguisher_method.map(|it| it.type_);
        let mut conditions = object
            .status
            .iter()
            .flat_map(|it| it.conditions.iter().flatten());
        let dangling = conditions.find(|it| it.type_.as_deref() == Some("Dangling"));
        vec![
            columns::name(&object.metadata),
            spec.priority_level_configuration.name.into(),
            spec.matching_precedence.into(),
            columns::or(method.as_ref(), "<none>"),
            columns::age(&object.metadata, now),
            columns::or(dangling.and_then(|it| it.status.as_ref()), "?"),
        ]
    }
}

/// Errors of the types of conditions: each there, none twice.
pub(super) fn conditions_of<'a>(types: impl Iterator<Item = &'a str>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut seen = Vec::new();
    for (index, kind) in types.enumerate() {
        let path = Path::new("status").child("conditions").index(index);
        let path = path.child("type");
        if seen.contains(&kind) {
            errors.push(Error::duplicate(&path, kind));
        }
        seen.push(kind);
        if kind.is_empty() {
            errors.push(Error::required(&path, "must not be empty"));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;
    use serde_json::{Value, json};

    fn read(name: &str, spec: Value) -> upstream::FlowSchema {
        let tree = json!({"metadata": {"name": name}, "spec": spec});
        let mut object = upstream::FlowSchema::decode(tree.to_string().as_bytes()).unwrap();
        FlowSchema.default(&mut object);
        object
    }

    fn rule(resource: Value) -> Value {
        json!([{"subjects": [{"kind": "User", "user": {"name": "u"}}], "resourceRules": [resource]}])
    }

    #[test]
    fn fields() {
        let check = |spec: Value, expected: &[&str]| {
            let errors = FlowSchema.validate(&read("fs", spec));
            let found: Vec<_> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected);
        };
        let level = json!({"name": "l"});
        let good =
            json!({"verbs": ["get"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["a"]});
        check(
            json!({"priorityLevelConfiguration": level, "rules": rule(good)}),
            &[],
        );
        check(
            json!({"matchingPrecedence": 1, "distinguisherMethod": {"type": "ByUser"}, "priorityLevelConfiguration": {"name": ""}}),
            &[
                "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
                "spec.priorityLevelConfiguration.name: Required value: must reference a priority level",
            ],
        );
        check(
            json!({"matchingPrecedence": 10001, "priorityLevelConfiguration": level}),
            &["spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000"],
        );
        check(
            json!({"priorityLevelConfiguration": level, "rules": [{"subjects": [{"kind": "Group", "user": {"name": "u"}}]}]}),
            &[
                "spec.rules[0].subjects[0].group: Required value: group is required when subject kind is 'Group'",
                "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
                "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
            ],
        );
        let bad = json!({"verbs": ["*", "get"], "apiGroups": [], "resources": ["*", "pods"]});
        check(
            json!({"priorityLevelConfiguration": level, "rules": rule(bad)}),
            &[
                r#"spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if '*' is present, must not specify other verbs"#,
                "spec.rules[0].resourceRules[0].apiGroups: Required value: resource rules must supply at least one api group",
                r#"spec.rules[0].resourceRules[0].resources: Invalid value: ["*","pods"]: if '*' is present, must not specify other resources"#,
                "spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace",
            ],
        );
        let urls = json!([{"subjects": [{"kind": "User", "user": {"name": "u"}}], "nonResourceRules": [{"verbs": ["get"],
            "nonResourceURLs": ["/", "/a/*", "a", "/a//b", "/a b", "/a*"]}]}]);
        check(
            json!({"priorityLevelConfiguration": level, "rules": urls}),
            &[
                r#"spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: "a": must start with slash"#,
                r#"spec.rules[0].nonResourceRules[0].nonResourceURLs[3]: Invalid value: "/a//b": must not contain double slash"#,
                r#"spec.rules[0].nonResourceRules[0].nonResourceURLs[4]: Invalid value: "/a b": must not contain white-space"#,
                r#"spec.rules[0].nonResourceRules[0].nonResourceURLs[5]: Invalid value: "/a*": wildcard can only do suffix matching"#,
            ],
        );
    }

    #[test]
    fn rows() {
        let object = read(
            "fs",
            json!({"priorityLevelConfiguration": {"name": "l"}, "distinguisherMethod": {"type": "ByUser"}}),
        );
        let row = FlowSchema.row(&object, Timestamp::UNIX_EPOCH);
        assert_eq!(row[1..4], ["l".into(), 1000.into(), "ByUser".into()]);
        assert_eq!(row[5], "?".into());
    }
}
