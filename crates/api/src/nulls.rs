//! Nulls as Go reads them, and base64 as it reads it, for every kind at once.
//!
//! Go reads null as the zero of whatever is expected, also inside lists and maps, where the types of
//! k8s-openapi refuse it, and base64 with line breaks, which they refuse, too. Both are rare, so both are
//! settled on a tree, and only when they are met. So are moments that a type demands and Go does not.

use crate::{
    go_base64,
    schema::{Field, Schemas, Shape, Type, builtin},
};
use serde_json::{Map, Value, json};

/// How the types hold Go's zero time.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// The JSON without what the type would refuse though Go reads it; `None` when there is nothing such, or it
/// is no JSON.
pub(crate) fn settled(json: &[u8], api_version: &str, kind: &str) -> Option<Vec<u8>> {
    let of = builtin().api_kind(api_version, kind)?;
    let mut tree: Value = serde_json::from_slice(json).ok()?;
    let mut found = false;
    settle(builtin(), &Shape::Object(of), &mut tree, &mut found);
    found.then(|| tree.to_string().into_bytes())
}

fn settle(schemas: &Schemas, shape: &Shape, tree: &mut Value, found: &mut bool) {
    match (shape, tree) {
        (Shape::Any, _) => {}
        (shape, tree @ Value::Null) => {
            *found = true;
            *tree = zero(shape);
        }
        (Shape::Bytes, Value::String(text)) => {
            if let Ok(canonical) = go_base64::canonical(text)
                && canonical != *text
            {
                *found = true;
                *text = canonical;
            }
        }
        (Shape::Object(of), Value::Object(fields)) => {
            let before = fields.len();
            fields.retain(|_, value| !value.is_null());
            *found |= fields.len() < before;
            for absent in absent_times(schemas.get(*of), fields) {
                *found = true;
                fields.insert(absent, json!(ZERO_TIME));
            }
            for (name, value) in fields {
                if let Some(field) = schemas.get(*of).field(name) {
                    settle(schemas, &field.shape, value, found);
                }
            }
        }
        (Shape::List(item), Value::Array(items)) => {
            for each in items {
                settle(schemas, item, each, found);
            }
        }
        (Shape::Map(of), Value::Object(entries)) => {
            for (_, value) in entries {
                settle(schemas, of, value, found);
            }
        }
        _ => {}
    }
}

/// Moments that the type demands and Go does not: `series: {}` of an event.
fn absent_times(of: &Type, fields: &Map<String, Value>) -> Vec<String> {
    let is_time = |field: &&Field| matches!(field.shape, Shape::Time | Shape::MicroTime);
    let times = of.fields.iter().filter(is_time).filter(|it| it.required);
    let absent = times.filter(|it| !fields.contains_key(&*it.name));
    absent.map(|it| it.name.to_string()).collect()
}

fn zero(shape: &Shape) -> Value {
    match shape {
        Shape::String | Shape::Bytes => json!(""),
        Shape::Boolean => json!(false),
        Shape::Int32 | Shape::Int64 | Shape::Double | Shape::IntOrString => json!(0),
        Shape::Time | Shape::MicroTime => json!(ZERO_TIME),
        Shape::Duration => json!("0s"),
        Shape::Quantity => json!("0"),
        Shape::Object(_) | Shape::Map(_) => json!({}),
        Shape::List(_) => json!([]),
        Shape::Any => Value::Null,
    }
}

#[cfg(test)]
mod tests;
