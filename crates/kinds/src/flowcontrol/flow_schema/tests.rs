//! Flow schemas in, errors and rows out.

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
