//! PodDisruptionBudget of policy/v1beta1: an empty selector selected nothing. Since policy/v1 it selects
//! everything, so each is written with a label that no pod has, as upstream writes it.

use super::{Notes, Older, Shape, tree::at};
use serde_json::{Value, json};

const LABEL: &str = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match";

pub(super) static ROWS: &[Older] = &[Older {
    group: "policy",
    version: "v1beta1",
    kind: "PodDisruptionBudget",
    current: ("policy", "v1"),
    releases: (21, 25),
    shape: Shape { upgrade, downgrade },
}];

fn by(operator: &str) -> Value {
    json!({ "matchExpressions": [{ "key": LABEL, "operator": operator }] })
}

/// Empty members are as good as none.
fn is_empty(selector: &Value) -> bool {
    selector.as_object().is_some_and(|it| {
        it.values().all(|member| match member {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        })
    })
}

fn upgrade(tree: &mut Value, notes: &mut Notes) {
    let selector = at(tree, &["spec"]).and_then(|spec| spec.get_mut("selector"));
    let Some(selector) = selector else { return };
    if is_empty(selector) {
        *selector = by("Exists");
        notes.set("spec.selector", selector);
        notes.say("an empty selector now selects every pod of the namespace");
    } else if *selector == by("DoesNotExist") {
        *selector = json!({});
        notes.set("spec.selector", selector);
    }
}

fn downgrade(tree: &mut Value) {
    let selector = at(tree, &["spec"]).and_then(|spec| spec.get_mut("selector"));
    let Some(selector) = selector else { return };
    if is_empty(selector) {
        *selector = by("DoesNotExist");
    } else if *selector == by("Exists") {
        *selector = json!({});
    }
}
