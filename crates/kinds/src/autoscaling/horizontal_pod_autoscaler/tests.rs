//! Autoscalers: defaults, errors.

use super::*;
use crate::cases;
use api::Object;
use serde_json::{Value, json};

fn autoscaler(changes: Value) -> upstream::HorizontalPodAutoscaler {
    let mut spec = json!({"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}});
    for (key, value) in changes.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let json = json!({"metadata": {"name": "x"}, "spec": spec}).to_string();
    let mut it = upstream::HorizontalPodAutoscaler::decode(json.as_bytes()).unwrap();
    HorizontalPodAutoscaler.default(&mut it);
    it
}

#[test]
fn defaults_are_upstreams() {
    let tree: Value =
        serde_json::from_slice(&autoscaler(json!({"behavior": {}})).encode()).unwrap();
    let policy =
        |kind: &str, value: i32| json!({"type": kind, "value": value, "periodSeconds": 15});
    assert_eq!(
        tree["spec"]["behavior"],
        json!({"scaleUp": {"selectPolicy": "Max", "stabilizationWindowSeconds": 0, "policies": [policy("Pods", 4), policy("Percent", 100)]},
            "scaleDown": {"selectPolicy": "Max", "policies": [policy("Percent", 100)]}})
    );
    assert_eq!(
        tree["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"],
        80
    );
}

#[test]
fn errors_are_upstreams() {
    let check = |changes: Value, expected: &[&str]| {
        let errors = HorizontalPodAutoscaler.validate(&autoscaler(changes));
        let shown: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected);
    };
    check(json!({}), &[]);
    check(
        json!({"minReplicas": 0, "maxReplicas": 0}),
        &[
            "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
            "spec.maxReplicas: Invalid value: 0: must be greater than 0",
            "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas",
        ],
    );
    check(
        json!({"minReplicas": 4, "scaleTargetRef": {"apiVersion": "v1", "kind": "", "name": "a/b"}}),
        &[
            "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`",
            "spec.scaleTargetRef.kind: Required value",
            "spec.scaleTargetRef.name: Invalid value: \"a/b\": may not contain '/'",
            "spec.scaleTargetRef.apiVersion: Invalid value: \"v1\": apiVersion must specify API group",
        ],
    );
    check(
        json!({"metrics": [{"type": "Resource"}]}),
        &[
            "spec.metrics[0].resource: Required value: must populate information for the given metric source",
        ],
    );
    check(
        json!({"metrics": [{"type": "Pods", "pods": {"metric": {"name": ""}, "target": {"type": "Utilization", "averageUtilization": 0}}}]}),
        &[
            "spec.metrics[0].pods.metric.name: Required value: must specify a metric name",
            "spec.metrics[0].pods.target.averageUtilization: Invalid value: 0: must be greater than 0",
            "spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue",
        ],
    );
    check(
        json!({"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Sometimes"}}, "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1"}}}]}),
        &["spec.metrics[0].pods: Forbidden: must populate the given metric source only"],
    );
    check(
        json!({"behavior": {"scaleUp": {"stabilizationWindowSeconds": 3601, "selectPolicy": "Avg", "policies": [{"type": "Nodes", "value": 0, "periodSeconds": 1801}]}}}),
        &[
            "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600",
            r#"spec.behavior.scaleUp.selectPolicy: Unsupported value: "Avg": supported values: "Disabled", "Max", "Min""#,
            r#"spec.behavior.scaleUp.policies[0].type: Unsupported value: "Nodes": supported values: "Percent", "Pods""#,
            "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
            "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
        ],
    );
}

#[test]
fn what_was_wrong_before_may_stay() {
    let target = |version: &str, kind: &str| json!({"spec": {"scaleTargetRef": {"apiVersion": version, "kind": kind, "name": "d"}}});
    let object = |version: &str| {
        let described = json!({"apiVersion": version, "kind": "k", "name": "n"});
        let value = json!({"type": "Value", "value": "1"});
        json!({"spec": {"metrics": [{"type": "Object", "object": {"describedObject": described, "metric": {"name": "m"}, "target": value}}]}})
    };
    let good = json!({"metadata": {"name": "x"}, "spec": {"maxReplicas": 3, "scaleTargetRef": target("apps/v1", "Deployment")["spec"]["scaleTargetRef"]}});
    let law = &HorizontalPodAutoscaler;
    let no_group =
        "spec.scaleTargetRef.apiVersion: Invalid value: \"v1\": apiVersion must specify API group";
    let slashes = "spec.metrics[0].object.describedObject.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c";
    let comes: cases::Table<'_> = &[
        (target("v1", "Deployment"), &[no_group]),
        (target("", "ReplicationController"), &[]),
        (object("a/b/c"), &[slashes]),
        (object("v1"), &[]),
    ];
    cases::creates(law, good.clone(), comes);
    cases::updates(law, good.clone(), comes);
    let more = json!({"spec": {"maxReplicas": 4}});
    for (bad, _) in comes {
        cases::updates(law, cases::merged(&good, bad), &[(more.clone(), &[])]);
    }
    let zero = cases::merged(&object("v1"), &json!({"spec": {"minReplicas": 0}}));
    cases::updates(law, cases::merged(&good, &zero), &[(more, &[])]);
    cases::updates(
        law,
        good,
        &[(
            zero,
            &["spec.minReplicas: Invalid value: 0: must be greater than or equal to 1"],
        )],
    );
}
