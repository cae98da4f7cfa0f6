//! What changed between two trees, as sets of paths.

use super::field_set::{Set, Step, step_of};
use crate::node::{Node, Rule};
use serde_json::Value;
use std::collections::BTreeMap;

/// The paths that differ.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Comparison {
    pub(super) added: Set,
    pub(super) modified: Set,
    pub(super) removed: Set,
}

impl Comparison {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// Everything that now has another value.
    pub(super) fn taken(&self) -> Set {
        let mut set = self.added.clone();
        set.add(&self.modified);
        set
    }
}

/// Compares `old` with `new`, either of which may be absent.
pub(super) fn compare(old: Option<&Value>, new: Option<&Value>, node: Node<'_>) -> Comparison {
    let mut walk = Walk::default();
    walk.visit(old, new, node);
    walk.found
}

#[derive(Default)]
struct Walk {
    path: Vec<Step>,
    found: Comparison,
}

impl Walk {
    fn visit(&mut self, old: Option<&Value>, new: Option<&Value>, node: Node<'_>) {
        let rule = |value: Option<&Value>| value.map(|it| node.rule(it));
        let rules = (rule(old), rule(new));
        let shared = match rules {
            (Some(a), Some(b)) if a == b => a,
            (Some(a), None) => a,
            (None, Some(b)) => b,
            _ => Rule::Leaf,
        };
        let list = |value: Option<&'_ Value>| value.and_then(Value::as_array).cloned();
        match shared {
            Rule::Leaf => return self.leaf(old, new),
            Rule::Map => {
                let map = |value: Option<&Value>| value.and_then(Value::as_object).cloned();
                let (old, new) = (map(old).unwrap_or_default(), map(new).unwrap_or_default());
                let mut names: Vec<_> = old.keys().chain(new.keys()).collect();
                names.sort();
                names.dedup();
                for name in names {
                    self.step(
                        Step::Field(name.clone()),
                        old.get(name),
                        new.get(name),
                        node.child(name),
                    );
                }
            }
            Rule::Set | Rule::Keyed(_) => {
                let old = grouped(list(old).unwrap_or_default(), shared, node);
                let new = grouped(list(new).unwrap_or_default(), shared, node);
                self.groups(&old, &new, node);
            }
        }
        self.container(old, new, node);
    }

    fn groups(
        &mut self,
        old: &BTreeMap<Step, Vec<Value>>,
        new: &BTreeMap<Step, Vec<Value>>,
        node: Node<'_>,
    ) {
        let mut steps: Vec<_> = old.keys().chain(new.keys()).collect();
        steps.sort();
        steps.dedup();
        for step in steps {
            let slices =
                |map: &BTreeMap<Step, Vec<Value>>| map.get(step).cloned().unwrap_or_default();
            let (before, after) = (slices(old), slices(new));
            if before.len() > 1 || after.len() > 1 {
                // Duplicate keys: the items cannot be told apart, so they change together.
                let whole = |items: Vec<Value>| (!items.is_empty()).then_some(Value::Array(items));
                self.path.push(step.clone());
                self.leaf(whole(before).as_ref(), whole(after).as_ref());
                self.path.pop();
            } else {
                self.step(step.clone(), before.first(), after.first(), node.item());
            }
        }
    }

    fn step(&mut self, step: Step, old: Option<&Value>, new: Option<&Value>, node: Node<'_>) {
        self.path.push(step);
        self.visit(old, new, node);
        self.path.pop();
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (None, Some(_)) => self.found.added.insert(&self.path),
            (Some(_), None) => self.found.removed.insert(&self.path),
            (Some(old), Some(new)) if old != new => self.found.modified.insert(&self.path),
            _ => {}
        }
    }

    /// A container that appears or goes counts itself, too; not the required ones, which always exist.
    fn container(&mut self, old: Option<&Value>, new: Option<&Value>, node: Node<'_>) {
        let field = matches!(self.path.last(), Some(Step::Field(_)));
        let empty = |value: Option<&Value>| {
            value.is_some_and(|it| {
                it.as_object().is_some_and(serde_json::Map::is_empty)
                    || it.as_array().is_some_and(Vec::is_empty)
            })
        };
        if field && (node.is_required() || self.path.len() < 2) && !empty(new) && !empty(old) {
            return;
        }
        if old.is_none() || new.is_none() {
            self.leaf(old, new);
        }
    }
}

fn grouped(items: Vec<Value>, rule: Rule<'_>, node: Node<'_>) -> BTreeMap<Step, Vec<Value>> {
    let mut groups: BTreeMap<Step, Vec<Value>> = BTreeMap::new();
    for item in items {
        let step = step_of(&item, rule, node.item());
        groups.entry(step).or_default().push(item);
    }
    groups
}
