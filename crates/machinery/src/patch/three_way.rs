//! The patch that brings a live object to a manifest: what changed or is new in the manifest, and what
//! the last applied manifest named but this one does not. Upstream: `CreateThreeWayMergePatch`.

use super::strategic::{DELETE_VALUES, DIRECTIVE, ORDER, RETAIN_KEYS};
use crate::node::Node;
use serde_json::{Map, Value, json};

type Object = Map<String, Value>;

/// The patch of one map; empty when nothing is to be done. Without a node lists are replaced whole.
pub(super) fn map_patch(
    original: &Object,
    modified: &Object,
    current: &Object,
    node: Option<Node<'_>>,
) -> Object {
    let mut patch = Object::new();
    for (key, wanted) in modified {
        let live = current.get(key).unwrap_or(&Value::Null);
        if wanted.is_null() {
            if !live.is_null() {
                patch.insert(key.clone(), Value::Null);
            }
            continue;
        }
        let last = original.get(key).unwrap_or(&Value::Null);
        field_patch(
            key,
            last,
            wanted,
            live,
            node.map(|it| it.child(key)),
            &mut patch,
        );
    }
    for key in original.keys() {
        if !modified.contains_key(key) && current.contains_key(key) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    patch
}

fn field_patch(
    key: &str,
    last: &Value,
    wanted: &Value,
    live: &Value,
    node: Option<Node<'_>>,
    patch: &mut Object,
) {
    let strategy = node.and_then(|it| it.patch());
    let empty = Object::new();
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) if !strategy.is_some_and(|it| it.replace) => {
            let last = last.as_object().unwrap_or(&empty);
            let mut below = map_patch(last, wanted, live, node);
            if below.is_empty() {
                return;
            }
            if strategy.is_some_and(|it| it.retain_keys) {
                let keys: Vec<&String> = wanted.keys().collect();
                below.insert(RETAIN_KEYS.to_owned(), json!(keys));
            }
            patch.insert(key.to_owned(), Value::Object(below));
        }
        (Value::Array(wanted), Value::Array(live)) if strategy.is_some_and(|it| it.merge) => {
            let nothing = Vec::new();
            let last = last.as_array().unwrap_or(&nothing);
            let merge_key = strategy.and_then(|it| it.merge_key.as_deref());
            match merge_key.filter(|_| wanted.iter().chain(live).all(Value::is_object)) {
                Some(by) => keyed_patch(key, by, [last, wanted, live], node, patch),
                None => values_patch(key, [last, wanted, live], patch),
            }
        }
        (wanted, live) if wanted != live => {
            patch.insert(key.to_owned(), wanted.clone());
        }
        _ => {}
    }
}

/// A list of objects told apart by the field `by`.
fn keyed_patch(
    key: &str,
    by: &str,
    [last, wanted, live]: [&Vec<Value>; 3],
    node: Option<Node<'_>>,
    patch: &mut Object,
) {
    let find = |list: &[Value], item: &Value| -> Option<Object> {
        list.iter()
            .find(|it| it.get(by) == item.get(by))?
            .as_object()
            .cloned()
    };
    let retain = node
        .and_then(|it| it.patch())
        .is_some_and(|it| it.retain_keys);
    let mut items = Vec::new();
    for item in wanted {
        let Value::Object(new) = item else { continue };
        let Some(old) = find(live, item) else {
            items.push(item.clone());
            continue;
        };
        let before = find(last, item).unwrap_or_default();
        let mut below = map_patch(&before, new, &old, node.map(|it| it.item()));
        if below.is_empty() {
            continue;
        }
        if retain {
            let keys: Vec<&String> = new.keys().collect();
            below.insert(RETAIN_KEYS.to_owned(), json!(keys));
        }
        below.insert(by.to_owned(), item[by].clone());
        items.push(Value::Object(below));
    }
    for item in last {
        if find(wanted, item).is_none() && find(live, item).is_some() {
            items.push(json!({ DIRECTIVE: "delete", by: item[by] }));
        }
    }
    if !items.is_empty() || order_differs(wanted, live, |a, b| a.get(by) == b.get(by)) {
        let order: Vec<Value> = wanted.iter().map(|it| json!({ by: it[by] })).collect();
        patch.insert(format!("{ORDER}{key}"), Value::Array(order));
        if !items.is_empty() {
            patch.insert(key.to_owned(), Value::Array(items));
        }
    }
}

/// A list of plain values that merges.
fn values_patch(key: &str, [last, wanted, live]: [&Vec<Value>; 3], patch: &mut Object) {
    let added: Vec<Value> = wanted
        .iter()
        .filter(|it| !live.contains(it))
        .cloned()
        .collect();
    let gone: Vec<Value> = last
        .iter()
        .filter(|it| !wanted.contains(it) && live.contains(it))
        .cloned()
        .collect();
    if added.is_empty() && gone.is_empty() && !order_differs(wanted, live, |a, b| a == b) {
        return;
    }
    patch.insert(format!("{ORDER}{key}"), Value::Array(wanted.clone()));
    if !added.is_empty() {
        patch.insert(key.to_owned(), Value::Array(added));
    }
    if !gone.is_empty() {
        patch.insert(format!("{DELETE_VALUES}{key}"), Value::Array(gone));
    }
}

/// Whether the wanted items stand in another order in the live list.
fn order_differs(wanted: &[Value], live: &[Value], same: impl Fn(&Value, &Value) -> bool) -> bool {
    let places: Vec<Option<usize>> = wanted
        .iter()
        .map(|item| live.iter().position(|it| same(it, item)))
        .collect();
    !places.is_sorted()
}
