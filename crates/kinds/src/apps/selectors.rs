//! What the four kinds of apps say of a selector that is absent, empty or unreadable.

use super::{
    daemon_set::DaemonSet, deployment::Deployment, replica_set::ReplicaSet,
    stateful_set::StatefulSet,
};
use crate::{Strategy, cases};
use serde_json::{Value, json};

const MISMATCH: &str = "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`";
const REQUIRED: &str = "spec.selector: Required value";
const EMPTY: &str = "spec.selector: Invalid value: {}: empty selector is invalid for";

fn base() -> Value {
    let pod = json!({"containers": [{"name": "c", "image": "i:1"}]});
    let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": pod});
    json!({"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}})
}

#[track_caller]
fn check<S: Strategy>(law: &S, absent: &[&str], noun: &str) {
    let empty = format!("{EMPTY} {noun}");
    let of = |selector| cases::merged(&base(), &json!({"spec": {"selector": selector}}));
    let replaced = |selector: Value| {
        let mut it = of(Value::Null);
        it["spec"]["selector"] = selector;
        it
    };
    cases::creates(law, base(), &[(json!({}), &[])]);
    cases::creates(law, of(Value::Null), &[(json!({}), absent)]);
    let empties = [
        json!({}),
        json!({"matchLabels": {}}),
        json!({"matchExpressions": []}),
    ];
    for given in empties {
        cases::creates(law, replaced(given), &[(json!({}), &[&empty])]);
    }
}

#[test]
fn absent_is_not_empty() {
    check(&Deployment, &[REQUIRED, MISMATCH], "deployment");
    check(&ReplicaSet, &[REQUIRED, MISMATCH], "deployment");
    check(&StatefulSet, &[REQUIRED, MISMATCH], "statefulset");
    check(&DaemonSet, &[MISMATCH], "daemonset");
}
