//! Deployments in, defaults and errors out.

use super::*;
use api::Object;

fn deployment(spec: serde_json::Value) -> upstream::Deployment {
    let json = serde_json::json!({"metadata": {"name": "x"}, "spec": spec}).to_string();
    let mut it = Strategy::read(&Deployment, json.as_bytes()).unwrap();
    Deployment.default(&mut it);
    it
}

fn template() -> serde_json::Value {
    serde_json::json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}})
}

#[test]
fn defaults_are_upstreams() {
    let it = deployment(
        serde_json::json!({"selector": {"matchLabels": {"a": "b"}}, "template": template()}),
    );
    let tree: serde_json::Value = serde_json::from_slice(&it.encode()).unwrap();
    assert_eq!(
        tree["spec"]["strategy"],
        serde_json::json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})
    );
    assert_eq!(
        (
            &tree["spec"]["replicas"],
            &tree["spec"]["progressDeadlineSeconds"]
        ),
        (&1.into(), &600.into())
    );
    assert_eq!(Deployment.validate(&it), []);
}

#[test]
fn errors_are_upstreams() {
    let check = |spec| {
        Deployment
            .validate(&deployment(spec))
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let mismatch = r#"spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`"#;
    assert_eq!(
        check(serde_json::json!({"selector": null, "template": template()})),
        ["spec.selector: Required value", mismatch]
    );
    assert_eq!(
        check(serde_json::json!({"selector": {"matchLabels": {"a": "z"}}, "template": template()})),
        [mismatch]
    );
    let strategy = serde_json::json!({"selector": {"matchLabels": {"a": "b"}}, "template": template(), "strategy": {"type": "Slow"}});
    let unknown = r#"spec.strategy: Unsupported value: {"Type":"Slow","RollingUpdate":null}: supported values: "Recreate", "RollingUpdate""#;
    assert_eq!(check(strategy), [unknown]);
    assert_eq!(
        check(
            serde_json::json!({"selector": {"matchExpressions": [{"key": "a", "operator": "x"}]}, "template": {}})
        ),
        [
            r#"spec.selector.matchExpressions[0].operator: Invalid value: "x": not a valid selector operator"#,
            r#"spec.selector: Invalid value: {"matchExpressions":[{"key":"a","operator":"x"}]}: invalid label selector"#,
        ]
    );
    let old = deployment(
        serde_json::json!({"selector": {"matchLabels": {"a": "b"}}, "template": template()}),
    );
    let new = deployment(
        serde_json::json!({"selector": {"matchLabels": {"a": "b", "c": "d"}}, "template": template()}),
    );
    let text = Deployment
        .validate_update(&new, &old)
        .last()
        .unwrap()
        .to_string();
    assert_eq!(
        text,
        r#"spec.selector: Invalid value: {"matchLabels":{"a":"b","c":"d"}}: field is immutable"#
    );
}
