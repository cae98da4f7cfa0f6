//! Merging what is applied into what is live, and removing what is no longer applied.

use super::field_set::{Set, Step, step_of};
use crate::node::{Node, Rule};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// `live` with every field of `applied`. An applied null removes one value, and leaves the entries of a
/// map or list alone: each of them stands for itself.
pub(super) fn merge(live: &Value, applied: &Value, node: Node<'_>) -> Value {
    match (node.rule(applied), live, applied) {
        (Rule::Map, Value::Object(live), Value::Object(applied)) => {
            let mut merged = live.clone();
            for (name, value) in applied {
                let (before, child) = (live.get(name), node.child(name));
                if !value.is_null() {
                    let before = before.unwrap_or(&Value::Null);
                    merged.insert(name.clone(), merge(before, value, child));
                } else if child.rule(value) == Rule::Leaf || before.is_some_and(is_empty) {
                    merged.remove(name);
                }
            }
            Value::Object(merged)
        }
        (Rule::Map, _, Value::Object(_)) => merge(&Value::Object(Map::new()), applied, node),
        (rule @ (Rule::Set | Rule::Keyed(_)), Value::Array(live), Value::Array(applied)) => {
            Value::Array(merge_list(live, applied, rule, node.item()))
        }
        (Rule::Set | Rule::Keyed(_), _, Value::Array(_)) => {
            merge(&Value::Array(Vec::new()), applied, node)
        }
        _ => applied.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Applied items in their order; live ones that are not applied stay before what followed them.
fn merge_list(live: &[Value], applied: &[Value], rule: Rule<'_>, item: Node<'_>) -> Vec<Value> {
    let steps =
        |items: &[Value]| -> Vec<Step> { items.iter().map(|it| step_of(it, rule, item)).collect() };
    let (live_steps, applied_steps) = (steps(live), steps(applied));
    let (lives, applies) = (first_places(&live_steps), first_places(&applied_steps));
    let only_live = |at: &usize| !applies.contains_key(&live_steps[*at]);
    let mut merged = Vec::with_capacity(live.len() + applied.len());
    let mut next = 0;
    for (at, (step, value)) in applied_steps.iter().zip(applied).enumerate() {
        // Pass what stays and what was already merged out of turn.
        while next < live.len() {
            match applies.get(&live_steps[next]) {
                None => merged.push(live[next].clone()),
                Some(place) if *place < at => {}
                Some(_) => break,
            }
            next += 1;
        }
        let before = lives.get(step).map_or(&Value::Null, |place| &live[*place]);
        merged.push(merge(before, value, item));
    }
    merged.extend(
        (next..live.len())
            .filter(only_live)
            .map(|at| live[at].clone()),
    );
    merged
}

/// Where each step first stands.
fn first_places(steps: &[Step]) -> BTreeMap<&Step, usize> {
    let mut places = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        places.entry(step).or_insert(at);
    }
    places
}

/// Removes from `object` what `last` names and nobody in `owned` names any more. A field that a type
/// lists counts as named when something below it is; an entry of a map or list only by itself, so that
/// it goes with its owner whatever others set in it.
pub(super) fn prune(object: &mut Value, node: Node<'_>, last: &Set, owned: &Set) {
    let nothing = Set::default();
    let rule = node.rule(object);
    let below = |step: &Step, value: &mut Value, child: Node<'_>| {
        if let Some(last) = last.below(step) {
            let had = !is_empty(value);
            prune(value, child, last, owned.below(step).unwrap_or(&nothing));
            return !(had && is_empty(value));
        }
        true
    };
    match (rule, object) {
        (Rule::Map, Value::Object(map)) => map.retain(|name, value| {
            let step = Step::Field(name.clone());
            let goes = if node.has_field(name) {
                last.leads(&step) && !owned.leads(&step)
            } else {
                last.has(&step) && !owned.has(&step)
            };
            !goes && below(&step, value, node.child(name))
        }),
        (Rule::Set | Rule::Keyed(_), Value::Array(items)) => items.retain_mut(|value| {
            let step = step_of(value, rule, node.item());
            let goes = last.has(&step) && !owned.has(&step);
            if !goes {
                below(&step, value, node.item());
            }
            !goes
        }),
        _ => {}
    }
}
