//! Whether an applied tree fits its schema, in structured-merge-diff's words. An apply that does not fit
//! is refused whatever the field validation, for nobody could own what it names.

use super::field_set::{Step, step_of};
use crate::{
    node::{Node, Rule},
    patch::go_text,
};
use api::schema::Shape;
use serde_json::Value;
use std::collections::BTreeSet;

/// What does not fit, all in one; none when all does.
pub(super) fn misfit(tree: &Value, node: Node<'_>) -> Option<String> {
    let mut walk = Walk::default();
    walk.visit(tree, node);
    match walk.found.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(format!("errors:\n  {}", many.join("\n  "))),
    }
}

#[derive(Default)]
struct Walk {
    path: String,
    found: Vec<String>,
}

impl Walk {
    fn complain(&mut self, what: &str) {
        self.found.push(if self.path.is_empty() {
            what.to_owned()
        } else {
            format!("{}: {what}", self.path)
        });
    }

    fn visit(&mut self, value: &Value, node: Node<'_>) {
        if let Some(shape) = node.scalar() {
            return self.scalar(value, shape);
        }
        match value {
            Value::Null => {}
            Value::Object(map) if node.wants_object() => {
                for (name, value) in map {
                    let known = node.is_map() || node.has_field(name) || node.is_open();
                    self.within(&Step::Field(name.clone()).to_string(), |walk| {
                        if known {
                            walk.visit(value, node.child(name));
                        } else {
                            walk.complain("field not declared in schema");
                        }
                    });
                    if !known {
                        return;
                    }
                }
            }
            Value::Array(items) if node.wants_list() => self.list(items, value, node),
            other if node.wants_object() => {
                self.complain(&format!("expected map, got &{{{}}}", go_text(other)));
            }
            other if node.wants_list() => {
                self.complain(&format!("expected list, got &{{{}}}", go_text(other)));
            }
            _ => {}
        }
    }

    fn list(&mut self, items: &[Value], list: &Value, node: Node<'_>) {
        let rule = node.rule(list);
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let step = match rule {
                Rule::Set | Rule::Keyed(_) => {
                    if let Some(wrong) = no_step(item, rule, node.item()) {
                        return self.complain(&format!("element {index}: {wrong}"));
                    }
                    step_of(item, rule, node.item())
                }
                _ => Step::Index(i64::try_from(index).unwrap_or(i64::MAX)),
            };
            let text = step.to_string();
            if !seen.insert(step) {
                self.complain(&format!("duplicate entries for key {text}"));
            }
            self.within(&text, |walk| walk.visit(item, node.item()));
        }
    }

    fn scalar(&mut self, value: &Value, shape: &Shape) {
        let text = match (shape, value) {
            (_, Value::Null) => return,
            (Shape::String | Shape::Bytes, value) if !value.is_string() => {
                format!(
                    "expected string, got &value.valueUnstructured{{Value:{}}}",
                    go_text(value)
                )
            }
            (Shape::Int32 | Shape::Int64 | Shape::Double, value) if !value.is_number() => {
                format!(
                    "expected numeric (int or float), got {}",
                    match value {
                        Value::String(_) => "string",
                        Value::Bool(_) => "bool",
                        Value::Array(_) => "[]interface {}",
                        _ => "map[string]interface {}",
                    }
                )
            }
            (Shape::Boolean, value) if !value.is_boolean() => {
                format!("expected boolean, got &{{{}}}", go_text(value))
            }
            _ => return,
        };
        self.complain(&text);
    }

    fn within(&mut self, step: &str, work: impl FnOnce(&mut Self)) {
        let before = self.path.len();
        self.path.push_str(step);
        work(self);
        self.path.truncate(before);
    }
}

/// Why an item of a set or keyed list cannot be told from the others.
fn no_step(item: &Value, rule: Rule<'_>, node: Node<'_>) -> Option<String> {
    let text = match (rule, item) {
        (Rule::Keyed(_), Value::Null) => "associative list with keys may not have a null element",
        (Rule::Keyed(keys), Value::Object(map)) => {
            let missing = keys
                .iter()
                .find(|key| map.get(&***key).is_none() && node.default_of(key).is_none())?;
            return Some(format!(
                "associative list with keys has an element that omits key field \"{missing}\" (and doesn't have default value)"
            ));
        }
        (Rule::Keyed(_), _) => "associative list with keys may not have non-map elements",
        (_, Value::Object(_)) => "associative list without keys has an element that's a map type",
        (_, Value::Array(_)) => "not supported: associative list with lists as elements",
        (_, Value::Null) => "associative list without keys has an element that's an explicit null",
        _ => return None,
    };
    Some(text.to_owned())
}
