//! Merging what is applied into what is live, and removing what is no longer applied.

use super::field_set::{Set, Step, step_of};
use crate::node::{Node, Rule};
use serde_json::{Map, Value};

/// `live` with every field of `applied`. An applied null removes.
pub(super) fn merge(live: &Value, applied: &Value, node: Node<'_>) -> Value {
    match (node.rule(applied), live, applied) {
        (Rule::Map, Value::Object(live), Value::Object(applied)) => {
            let mut merged = live.clone();
            for (name, value) in applied {
                if value.is_null() {
                    merged.remove(name);
                    continue;
                }
                let before = live.get(name).unwrap_or(&Value::Null);
                merged.insert(name.clone(), merge(before, value, node.child(name)));
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

/// Applied items in their order; live ones that are not applied stay before what followed them.
fn merge_list(live: &[Value], applied: &[Value], rule: Rule<'_>, item: Node<'_>) -> Vec<Value> {
    let steps =
        |items: &[Value]| -> Vec<Step> { items.iter().map(|it| step_of(it, rule, item)).collect() };
    let (live_steps, applied_steps) = (steps(live), steps(applied));
    let only_live = |at: &usize| !applied_steps.contains(&live_steps[*at]);
    let mut merged = Vec::with_capacity(live.len() + applied.len());
    let mut next = 0;
    for (at, (step, value)) in applied_steps.iter().zip(applied).enumerate() {
        // Pass what stays and what was already merged out of turn.
        while next < live.len() {
            let stays = only_live(&next);
            if !stays && !applied_steps[..at].contains(&live_steps[next]) {
                break;
            }
            if stays {
                merged.push(live[next].clone());
            }
            next += 1;
        }
        let place = live_steps.iter().position(|it| it == step);
        let before = place.map_or(&Value::Null, |place| &live[place]);
        merged.push(merge(before, value, item));
    }
    merged.extend(
        (next..live.len())
            .filter(only_live)
            .map(|at| live[at].clone()),
    );
    merged
}

/// Removes from `object` what `last` names (or leads to) and nobody in `owned` names any more.
pub(super) fn prune(object: &mut Value, node: Node<'_>, last: &Set, owned: &Set) {
    let nothing = Set::default();
    let rule = node.rule(object);
    let goes = |step: &Step| last.leads(step) && !owned.leads(step);
    match (rule, object) {
        (Rule::Map, Value::Object(map)) => {
            map.retain(|name, value| {
                let step = Step::Field(name.clone());
                if goes(&step) {
                    return false;
                }
                if let Some(last) = last.below(&step) {
                    let owned = owned.below(&step).unwrap_or(&nothing);
                    prune(value, node.child(name), last, owned);
                }
                true
            });
        }
        (Rule::Set | Rule::Keyed(_), Value::Array(items)) => {
            items.retain_mut(|value| {
                let step = step_of(value, rule, node.item());
                if goes(&step) {
                    return false;
                }
                if let Some(last) = last.below(&step) {
                    let owned = owned.below(&step).unwrap_or(&nothing);
                    prune(value, node.item(), last, owned);
                }
                true
            });
        }
        _ => {}
    }
}
