//! What a path finds in a tree.

use super::{Comparison, Operand, Step};
use serde_json::Value;
use std::cmp::Ordering;

pub(super) fn select<'a>(root: &'a Value, at: &'a Value, steps: &[Step]) -> Vec<&'a Value> {
    let mut found = vec![at];
    for step in steps {
        found = found
            .into_iter()
            .flat_map(|value| one(root, value, step))
            .collect();
    }
    found
}

fn one<'a>(root: &'a Value, value: &'a Value, step: &Step) -> Vec<&'a Value> {
    match step {
        Step::Root => vec![root],
        Step::Key(name) => value.get(name.as_str()).into_iter().collect(),
        Step::Wild => children(value),
        Step::Index(index) => list(value)
            .and_then(|items| items.get(place(*index, items.len())?))
            .into_iter()
            .collect(),
        Step::Slice(first, last, step) => slice(value, *first, *last, *step),
        Step::Union(paths) => paths
            .iter()
            .flat_map(|steps| select(root, value, steps))
            .collect(),
        Step::Deep => deep(value),
        Step::Filter(left, comparison) => children(value)
            .into_iter()
            .filter(|item| holds(root, item, left, comparison.as_ref()))
            .collect(),
    }
}

fn list(value: &Value) -> Option<&Vec<Value>> {
    value.as_array()
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

fn deep(value: &Value) -> Vec<&Value> {
    let mut all = vec![value];
    for child in children(value) {
        all.extend(deep(child));
    }
    all
}

/// Negative indices count from the end.
fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { index + length } else { index }).ok()
}

fn slice(value: &Value, first: Option<i64>, last: Option<i64>, step: i64) -> Vec<&Value> {
    let Some(items) = list(value) else {
        return Vec::new();
    };
    let bound = |index: Option<i64>, default: usize| {
        index.map_or(default, |index| {
            place(index, items.len()).unwrap_or(0).min(items.len())
        })
    };
    let (from, to) = (bound(first, 0), bound(last, items.len()));
    let step = usize::try_from(step).unwrap_or(1).max(1);
    items
        .get(from..to.max(from))
        .unwrap_or_default()
        .iter()
        .step_by(step)
        .collect()
}

fn holds(
    root: &Value,
    item: &Value,
    left: &Operand,
    comparison: Option<&(Comparison, Operand)>,
) -> bool {
    let value = |operand: &Operand| match operand {
        Operand::Value(value) => Some(value.clone()),
        Operand::Path(steps) => select(root, item, steps).first().map(|it| (*it).clone()),
    };
    let left = value(left);
    let Some((comparison, right)) = comparison else {
        return left.is_some();
    };
    let (Some(left), Some(right)) = (left, value(right)) else {
        return false;
    };
    let order = order(&left, &right);
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
    }
}

/// The order of two values of one type.
pub(crate) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (left, right) if left == right => Some(Ordering::Equal),
        _ => None,
    }
}
