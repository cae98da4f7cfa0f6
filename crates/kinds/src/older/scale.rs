//! Scale as older workloads had it: in their own version, with the selector as a map of labels when it is no more
//! than that, beside the text that it is today. Upstream: the conversions of `ScaleStatus`.

use super::{
    Notes, Older, Shape,
    tree::{Object, at, put, take},
};
use serde_json::Value;

const fn row(group: &'static str, version: &'static str) -> Older {
    Older {
        group,
        version,
        kind: "Scale",
        current: ("autoscaling", "v1"),
        releases: (9, 16),
        shape: Shape { upgrade, downgrade },
    }
}

/// Not in the list of the others: no resource of its own has it.
pub(super) static ROWS: &[Older] = &[
    row("apps", "v1beta1"),
    row("apps", "v1beta2"),
    row("extensions", "v1beta1"),
];

fn upgrade(tree: &mut Value, _: &mut Notes) {
    let Some(status) = at(tree, &["status"]) else {
        return;
    };
    let labels = take(status, "selector");
    let text = take(status, "targetSelector").filter(|text| *text != "");
    let labels = labels.as_ref().and_then(Value::as_object).map(|labels| {
        let terms = labels.iter();
        let terms = terms.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")));
        Value::from(terms.collect::<Vec<_>>().join(","))
    });
    put(status, "selector", text.or(labels));
}

fn downgrade(tree: &mut Value) {
    let Some(status) = at(tree, &["status"]) else {
        return;
    };
    let Some(Value::String(text)) = take(status, "selector") else {
        return;
    };
    let labels: Option<Object> = text.split(',').map(label).collect();
    if let Some(labels) = labels {
        status.insert("selector".to_owned(), labels.into());
    }
    status.insert("targetSelector".to_owned(), text.into());
}

/// `a=b`; none for any other term.
fn label(term: &str) -> Option<(String, Value)> {
    let (key, value) = term.split_once('=')?;
    let plain = !key.contains(['!', ' ']) && !value.contains(['=', '(']);
    plain.then(|| (key.to_owned(), value.into()))
}
