//! Strategic merge: merge patch that knows from the schema which lists merge, by which key, and in
//! which order; with the directives `$patch`, `$retainKeys`, `$setElementOrder/…` and
//! `$deleteFromPrimitiveList/…`. Upstream: `apimachinery/pkg/util/strategicpatch`.

use super::go_text;
use crate::node::Node;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

pub(super) const DIRECTIVE: &str = "$patch";
pub(super) const RETAIN_KEYS: &str = "$retainKeys";
pub(super) const ORDER: &str = "$setElementOrder/";
pub(super) const DELETE_VALUES: &str = "$deleteFromPrimitiveList/";

/// A patch whose directives are malformed; the texts are upstream's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("invalid patch format of primitive list")]
    PrimitiveList,
    #[error("invalid patch format of retainKeys")]
    RetainKeys,
    #[error("invalid patch format of setElementOrder list")]
    Order,
    #[error("unknown patch type: {0} in map: {1}")]
    Directive(String, String),
    #[error("map: {0} does not contain declared merge key: {1}")]
    MergeKey(String, String),
    #[error("merging lists cannot yet be specified in the patch")]
    MergeList,
    #[error("The order in patch list:\n{0}\n doesn't match $setElementOrder list:\n{1}\n")]
    Mismatch(String, String),
}

impl Error {
    /// Whether upstream blames the client; it answers 500 for the others.
    pub(super) fn is_format(&self) -> bool {
        matches!(self, Self::PrimitiveList | Self::RetainKeys | Self::Order)
    }

    fn directive(found: &str, map: &Value) -> Self {
        Self::Directive(found.to_owned(), go_text(map))
    }
}

type Object = Map<String, Value>;

/// `original` changed as `patch` says.
pub(super) fn merge_map(
    mut original: Object,
    patch: &Object,
    node: Node<'_>,
) -> Result<Object, Error> {
    match patch.get(DIRECTIVE).map(|it| it.as_str().unwrap_or("?")) {
        Some("replace") => {
            let mut replaced = patch.clone();
            replaced.remove(DIRECTIVE);
            return Ok(replaced);
        }
        Some("delete") => return Ok(Object::new()),
        None => {}
        Some(other) => return Err(Error::directive(other, &Value::Object(patch.clone()))),
    }
    retain_keys(&mut original, patch)?;
    for (key, values) in patch {
        if let Some(name) = key.strip_prefix(DELETE_VALUES) {
            let values = values.as_array().ok_or(Error::PrimitiveList)?;
            if let Some(list) = original.get_mut(name).and_then(Value::as_array_mut) {
                list.retain(|item| !values.contains(item));
            }
        }
    }
    for (key, change) in patch {
        if key.starts_with('$') {
            continue;
        }
        if change.is_null() {
            original.remove(key);
            continue;
        }
        let before = original.get(key).cloned().unwrap_or(Value::Null);
        // What is not there cannot be merged with: a directive about it has no object.
        if change.get(DIRECTIVE).is_some() && !before.is_object() {
            original.remove(key);
            continue;
        }
        let order = order_of(patch, key)?;
        if let (Some(order), Value::Array(items)) = (order, change) {
            check_order(items, order, merge_key(node.child(key)))?;
        }
        let merged = merge_value(before, change, order, node.child(key))?;
        original.insert(key.clone(), merged);
    }
    for key in patch.keys() {
        let Some(name) = key
            .strip_prefix(ORDER)
            .filter(|it| !patch.contains_key(*it))
        else {
            continue;
        };
        if let (Some(Value::Array(list)), Some(order)) =
            (original.get(name), order_of(patch, name)?)
        {
            let merge_key = merge_key(node.child(name));
            let sorted = arrange(list.clone(), order, list, merge_key);
            original.insert(name.to_owned(), Value::Array(sorted));
        }
    }
    Ok(original)
}

fn retain_keys(original: &mut Object, patch: &Object) -> Result<(), Error> {
    let Some(keys) = patch.get(RETAIN_KEYS) else {
        return Ok(());
    };
    let keys = keys.as_array().ok_or(Error::RetainKeys)?;
    let listed = |name: &str| keys.iter().any(|key| key.as_str() == Some(name));
    if patch
        .iter()
        .any(|(name, value)| !name.starts_with('$') && !value.is_null() && !listed(name))
    {
        return Err(Error::RetainKeys);
    }
    original.retain(|name, _| listed(name));
    Ok(())
}

fn order_of<'a>(patch: &'a Object, name: &str) -> Result<Option<&'a [Value]>, Error> {
    match patch.get(&format!("{ORDER}{name}")) {
        None => Ok(None),
        Some(Value::Array(order)) => Ok(Some(order)),
        Some(_) => Err(Error::Order),
    }
}

/// The items of a patch must come in the order that its directive gives.
fn check_order(items: &[Value], order: &[Value], key: Option<&str>) -> Result<(), Error> {
    if items.is_empty() || order.is_empty() {
        return Ok(());
    }
    let same = |item: &Value, at: &Value| match key {
        Some(key) => item.get(key).is_some() && item.get(key) == at.get(key),
        None => item == at,
    };
    let mut places = order.iter();
    let plain = items.iter().filter(|item| item.get(DIRECTIVE).is_none());
    for item in plain {
        if !places.by_ref().any(|at| same(item, at)) {
            let text = |list: &[Value]| go_text(&Value::Array(list.to_vec()));
            return Err(Error::Mismatch(text(items), text(order)));
        }
    }
    Ok(())
}

fn merge_key(node: Node<'_>) -> Option<&str> {
    node.patch()?.merge_key.as_deref()
}

fn merge_value(
    original: Value,
    patch: &Value,
    order: Option<&[Value]>,
    node: Node<'_>,
) -> Result<Value, Error> {
    let strategy = node.patch();
    match (original, patch) {
        (Value::Object(original), Value::Object(change)) => {
            if strategy.is_some_and(|it| it.replace) {
                return Ok(patch.clone());
            }
            merge_map(original, change, node).map(Value::Object)
        }
        (_, Value::Object(change)) => merge_map(Object::new(), change, node).map(Value::Object),
        (original, Value::Array(items)) if strategy.is_some_and(|it| it.merge) => {
            let original = match original {
                Value::Array(list) => list,
                _ => Vec::new(),
            };
            merge_list(original, items, order, node).map(Value::Array)
        }
        _ => Ok(patch.clone()),
    }
}

fn merge_list(
    original: Vec<Value>,
    patch: &[Value],
    order: Option<&[Value]>,
    node: Node<'_>,
) -> Result<Vec<Value>, Error> {
    let key = merge_key(node);
    let Some(key) = key.filter(|_| patch.iter().chain(&original).all(Value::is_object)) else {
        let mut merged = original.clone();
        let mut present: HashSet<String> = original.iter().map(Value::to_string).collect();
        for item in patch {
            if present.insert(item.to_string()) {
                merged.push(item.clone());
            }
        }
        return Ok(arrange(merged, order.unwrap_or(patch), &original, None));
    };
    let mut plain: Vec<Value> = Vec::new();
    let (mut replace, mut gone) = (false, HashSet::new());
    for item in patch {
        match item.get(DIRECTIVE).map(|it| it.as_str().unwrap_or("?")) {
            Some("replace") => replace = true,
            Some("delete") => {
                gone.insert(key_of(item, key)?.to_string());
            }
            None => plain.push(item.clone()),
            Some("merge") => return Err(Error::MergeList),
            Some(other) => return Err(Error::directive(other, item)),
        }
    }
    if replace {
        return Ok(plain);
    }
    let mut merged = original.clone();
    merged.retain(|it| it.get(key).is_none_or(|it| !gone.contains(&it.to_string())));
    let mut places = Places::of(&merged, Some(key)).0;
    for item in &plain {
        let wanted = key_of(item, key)?.to_string();
        let Value::Object(change) = item else {
            continue;
        };
        let place = *places.entry(wanted).or_insert(merged.len());
        if place == merged.len() {
            merged.push(Value::Null);
        }
        let before = match std::mem::take(&mut merged[place]) {
            Value::Object(before) => before,
            _ => Object::new(),
        };
        merged[place] = Value::Object(merge_map(before, change, node.item())?);
    }
    Ok(arrange(
        merged,
        order.unwrap_or(&plain),
        &original,
        Some(key),
    ))
}

/// Where each item of a list first stands, by what tells items apart. A list has as many items as a body
/// has room for, so it is never searched for each of another's.
struct Places(HashMap<String, usize>);

impl Places {
    fn of(list: &[Value], key: Option<&str>) -> Self {
        let mut places = HashMap::with_capacity(list.len());
        for (at, item) in list.iter().enumerate() {
            if let Some(identity) = identity(item, key) {
                places.entry(identity).or_insert(at);
            }
        }
        Self(places)
    }

    fn find(&self, item: &Value, key: Option<&str>) -> Option<usize> {
        self.0.get(&identity(item, key)?).copied()
    }
}

fn identity(item: &Value, key: Option<&str>) -> Option<String> {
    match key {
        Some(key) => item.get(key).map(Value::to_string),
        None => Some(item.to_string()),
    }
}

fn key_of<'a>(item: &'a Value, key: &str) -> Result<&'a Value, Error> {
    item.get(key)
        .ok_or_else(|| Error::MergeKey(go_text(item), key.to_owned()))
}

/// Puts the items that `order` names in that order and the others where they stood before: each of
/// these goes before the first named item that `before` has after it.
pub(crate) fn arrange(
    items: Vec<Value>,
    order: &[Value],
    before: &[Value],
    key: Option<&str>,
) -> Vec<Value> {
    let (ordered, stood) = (Places::of(order, key), Places::of(before, key));
    let (mut named, mut others) = (Vec::new(), Vec::new());
    for item in items {
        let was = stood.find(&item, key);
        match ordered.find(&item, key) {
            Some(place) => named.push((place, was, item)),
            None => others.push((was, item)),
        }
    }
    named.sort_by_key(|(place, ..)| *place);
    others.sort_by_key(|(was, _)| was.unwrap_or(usize::MAX));
    let mut arranged = Vec::with_capacity(named.len() + others.len());
    let mut others = others.into_iter().peekable();
    for (_, limit, item) in named {
        while let (Some(limit), Some((was, _))) = (limit, others.peek()) {
            if was.is_none_or(|at| at >= limit) {
                break;
            }
            arranged.extend(others.next().map(|(_, other)| other));
        }
        arranged.push(item);
    }
    arranged.extend(others.map(|(_, other)| other));
    arranged
}
