//! What changed between two trees, as sets of paths. Upstream: structured-merge-diff's `Compare`, on Go
//! structs; what those always hold is held here, too (see `Node::zero`).

use super::field_set::{Set, Step, step_of};
use crate::node::{Node, Rule, empty_object};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The paths that differ.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Comparison {
    pub(super) added: Set,
    pub(super) modified: Set,
    pub(super) removed: Set,
}

impl Comparison {
    /// Everything that now has another value.
    pub(super) fn taken(&self) -> Set {
        let mut set = self.added.clone();
        set.add(&self.modified);
        set
    }
}

/// Compares `old` (absent: an object nobody has filled in) with `new`.
pub(super) fn compare(old: Option<&Value>, new: &Value, node: Node<'_>) -> Comparison {
    let mut walk = Walk::default();
    let old = old.unwrap_or_else(|| empty_object());
    walk.visit(Some(old), Some(new), node);
    walk.found
}

#[derive(Default)]
struct Walk {
    path: Vec<Step>,
    found: Comparison,
}

type Side<'v> = Option<&'v Value>;

impl Walk {
    fn visit(&mut self, old: Side<'_>, new: Side<'_>, node: Node<'_>) {
        let rule = match (old.map(|it| node.rule(it)), new.map(|it| node.rule(it))) {
            (Some(a), Some(b)) if a == b => a,
            (Some(one), None) | (None, Some(one)) => one,
            _ => Rule::Leaf,
        };
        match rule {
            Rule::Leaf => return self.leaf(old, new),
            Rule::Map if is_bare(old, node) && is_bare(new, node) => return self.leaf(old, new),
            Rule::Map => self.fields(
                old.and_then(Value::as_object),
                new.and_then(Value::as_object),
                node,
            ),
            Rule::Set | Rule::Keyed(_) => {
                let (before, after) = (items(old), items(new));
                if before.is_empty() && after.is_empty() {
                    return self.leaf(old, new);
                }
                self.groups(before, after, rule, node.item());
            }
        }
        // A container that appears or goes counts itself, too.
        match (old, new) {
            (None, _) => self.found.added.insert(&self.path),
            (_, None) => self.found.removed.insert(&self.path),
            _ => {}
        }
    }

    fn fields(
        &mut self,
        old: Option<&Map<String, Value>>,
        new: Option<&Map<String, Value>>,
        node: Node<'_>,
    ) {
        fn look<'v>(
            map: Option<&'v Map<String, Value>>,
            name: &str,
            node: Node<'_>,
        ) -> Option<&'v Value> {
            map.and_then(|map| map.get(name).or_else(|| node.zero(name)))
        }
        for (name, value) in new.into_iter().flatten() {
            self.field(name, look(old, name, node), Some(value), node);
        }
        let has = |map: Option<&Map<String, Value>>, name: &str| {
            map.is_some_and(|map| map.contains_key(name))
        };
        for (name, value) in old.into_iter().flatten() {
            if !has(new, name) {
                self.field(name, Some(value), look(new, name, node), node);
            }
        }
        if old.is_none() || new.is_none() {
            for name in node.zeros() {
                if !has(old, name) && !has(new, name) {
                    self.field(name, look(old, name, node), look(new, name, node), node);
                }
            }
        }
    }

    fn field(&mut self, name: &str, old: Side<'_>, new: Side<'_>, node: Node<'_>) {
        if old != new {
            self.step(Step::Field(name.to_owned()), old, new, node.child(name));
        }
    }

    fn groups(&mut self, old: &[Value], new: &[Value], rule: Rule<'_>, item: Node<'_>) {
        let mut groups: BTreeMap<Step, [Vec<&Value>; 2]> = BTreeMap::new();
        for (side, list) in [old, new].into_iter().enumerate() {
            for value in list {
                let step = step_of(value, rule, item);
                groups.entry(step).or_default()[side].push(value);
            }
        }
        for (step, [before, after]) in groups {
            match (before.as_slice(), after.as_slice()) {
                ([] | [_], [] | [_]) => {
                    let (old, new) = (before.first().copied(), after.first().copied());
                    if old != new {
                        self.step(step, old, new, item);
                    }
                }
                // Duplicates cannot be told apart: they come, change and go together.
                ([_, _, ..], [_, _, ..]) => {
                    if before != after {
                        let at = self.at(&step);
                        self.found.modified.insert(&at);
                    }
                }
                ([_, _, ..], rest) => {
                    let at = self.at(&step);
                    if let Some(one) = rest.first() {
                        self.step(step, None, Some(one), item);
                    }
                    self.found.removed.insert(&at);
                }
                (rest, _) => {
                    let at = self.at(&step);
                    if let Some(one) = rest.first() {
                        self.step(step, Some(one), None, item);
                    }
                    self.found.added.insert(&at);
                }
            }
        }
    }

    fn at(&self, step: &Step) -> Vec<Step> {
        let mut path = self.path.clone();
        path.push(step.clone());
        path
    }

    fn step(&mut self, step: Step, old: Side<'_>, new: Side<'_>, node: Node<'_>) {
        self.path.push(step);
        self.visit(old, new, node);
        self.path.pop();
    }

    fn leaf(&mut self, old: Side<'_>, new: Side<'_>) {
        match (old, new) {
            (None, Some(_)) => self.found.added.insert(&self.path),
            (Some(_), None) => self.found.removed.insert(&self.path),
            (Some(old), Some(new)) if old != new => self.found.modified.insert(&self.path),
            _ => {}
        }
    }
}

/// Absent, null, or an object in which even Go sees nothing.
fn is_bare(value: Side<'_>, node: Node<'_>) -> bool {
    match value {
        Some(Value::Object(map)) => map.is_empty() && node.zeros().next().is_none(),
        _ => true,
    }
}

fn items(value: Side<'_>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
