//! The schemas and levels without which no request could be sorted. Their specs are fixed, but for what
//! an administrator may give the `exempt` level. Upstream: `flowcontrol/bootstrap` and its validation.

use crate::check;
use api::Object;
use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};
use machinery::field::{Error, ErrorList, Path};
use serde_json::{Value, json};

/// What nobody may hold up.
pub(super) const EXEMPT: &str = "exempt";
/// What no other schema matches.
const CATCH_ALL: &str = "catch-all";

fn everything(groups: &[&str]) -> Value {
    let subjects = groups
        .iter()
        .map(|it| json!({"kind": "Group", "group": {"name": it}}));
    json!([{
        "subjects": subjects.collect::<Value>(),
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": true, "namespaces": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]
    }])
}

fn read<T: Object>(spec: &Value) -> Option<T> {
    T::decode(json!({ "spec": spec }).to_string().as_bytes()).ok()
}

/// Errors of a mandatory schema that is not as it must be.
pub(super) fn schema(e: &mut ErrorList, object: &FlowSchema) {
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let spec = match name {
        EXEMPT => json!({
            "priorityLevelConfiguration": {"name": EXEMPT},
            "matchingPrecedence": 1,
            "rules": everything(&["system:masters"])
        }),
        CATCH_ALL => json!({
            "priorityLevelConfiguration": {"name": CATCH_ALL},
            "matchingPrecedence": 10_000,
            "distinguisherMethod": {"type": "ByUser"},
            "rules": everything(&["system:unauthenticated", "system:authenticated"])
        }),
        _ => return,
    };
    if read::<FlowSchema>(&spec).is_some_and(|it| it.spec != object.spec) {
        fixed(e, object, &format!("spec of '{name}' must equal"));
    }
}

/// Errors of a mandatory level that is not as it must be.
pub(super) fn level(e: &mut ErrorList, object: &PriorityLevelConfiguration) {
    let name = object.metadata.name.as_deref().unwrap_or_default();
    match name {
        EXEMPT => {
            let spec = object.spec.clone().unwrap_or_default();
            if spec.type_ != "Exempt" || spec.limited.is_some() {
                let text = format!("spec of '{name}' except the 'spec.exempt' field must equal");
                fixed(e, object, &text);
            }
        }
        CATCH_ALL => {
            let spec = json!({
                "type": "Limited",
                "limited": {"nominalConcurrencyShares": 5, "lendablePercent": 0, "limitResponse": {"type": "Reject"}}
            });
            let wanted = read::<PriorityLevelConfiguration>(&spec);
            if wanted.is_some_and(|it| it.spec != object.spec) {
                fixed(e, object, &format!("spec of '{name}' must equal"));
            }
        }
        _ => {}
    }
}

fn fixed<O: Object>(e: &mut ErrorList, object: &O, what: &str) {
    let shown = check::part(object, "/spec");
    let text = format!("{what} the fixed value");
    e.push(Error::invalid(&Path::new("spec"), shown, &text));
}

#[cfg(test)]
mod tests {
    use crate::{
        cases::creates,
        flowcontrol::{
            flow_schema::FlowSchema, priority_level_configuration::PriorityLevelConfiguration,
        },
    };
    use serde_json::json;

    #[test]
    fn mandatory_objects_are_as_they_must_be() {
        let catch_all = json!({"metadata": {"name": "catch-all"}, "spec": {
            "type": "Limited",
            "limited": {"nominalConcurrencyShares": 5, "limitResponse": {"type": "Reject"}}
        }});
        let shown = r#"{"limited":{"lendablePercent":0,"limitResponse":{"type":"Reject"},"nominalConcurrencyShares":6},"type":"Limited"}"#;
        creates(
            &PriorityLevelConfiguration,
            catch_all,
            &[
                (json!({}), &[]),
                (
                    json!({"metadata": {"name": "other"}, "spec": {"limited": {"nominalConcurrencyShares": 6}}}),
                    &[],
                ),
                (
                    json!({"spec": {"limited": {"nominalConcurrencyShares": 6}}}),
                    &[&format!(
                        "spec: Invalid value: {shown}: spec of 'catch-all' must equal the fixed value"
                    )],
                ),
            ],
        );
        let exempt = json!({"metadata": {"name": "exempt"}, "spec": {"type": "Exempt"}});
        creates(
            &PriorityLevelConfiguration,
            exempt,
            &[
                (json!({}), &[]),
                (
                    json!({"spec": {"exempt": {"nominalConcurrencyShares": 7}}}),
                    &[],
                ),
            ],
        );
        let schema = json!({"metadata": {"name": "exempt"}, "spec": {
            "priorityLevelConfiguration": {"name": "exempt"},
            "matchingPrecedence": 1,
            "rules": super::everything(&["system:masters"])
        }});
        let shown = r#"{"matchingPrecedence":1,"priorityLevelConfiguration":{"name":"exempt"}}"#;
        creates(
            &FlowSchema,
            schema,
            &[
                (json!({}), &[]),
                (
                    json!({"spec": {"rules": null}}),
                    &[&format!(
                        "spec: Invalid value: {shown}: spec of 'exempt' must equal the fixed value"
                    )],
                ),
            ],
        );
    }
}
