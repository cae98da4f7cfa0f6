//! Nulls as Go reads and writes them, and base64 as it reads it, for every kind at once.
//!
//! Go reads null as the zero of whatever is expected, also inside lists and maps, where the types of
//! k8s-openapi refuse it, and base64 with line breaks, which they refuse, too; and its zero time, which those
//! types cannot tell from any other, is written as null. All are rare, so all are settled on a tree, and only
//! when they are met. So are moments that a type demands and Go does not.

use crate::{
    go_base64,
    schema::{Field, Schemas, Shape, Type, TypeRef, builtin},
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

/// The JSON with zero times written as Go writes them.
pub(crate) fn restored(json: Vec<u8>, api_version: &str, kind: &str) -> Vec<u8> {
    if memchr::memmem::find(&json, b"\"0001-01-01T00:00:00").is_none() {
        return json;
    }
    let tree = serde_json::from_slice(&json).ok();
    let (Some(of), Some(mut tree)) = (builtin().api_kind(api_version, kind), tree) else {
        return json;
    };
    restore_fields(builtin(), of, &mut tree);
    tree.to_string().into_bytes()
}

fn restore_fields(schemas: &Schemas, of: TypeRef, tree: &mut Value) {
    let Some(fields) = tree.as_object_mut() else {
        return;
    };
    let of = schemas.get(of);
    // A zero that is not behind a pointer is left out.
    let absent = |field: &Field| field.proto.is_some_and(|proto| !proto.pointer);
    fields.retain(|name, value| match of.field(name) {
        Some(field) => !(absent(field) && is_zero_time(&field.shape, value)),
        None => true,
    });
    for (name, value) in fields {
        if let Some(field) = of.field(name) {
            restore(schemas, &field.shape, value);
        }
    }
}

fn restore(schemas: &Schemas, shape: &Shape, tree: &mut Value) {
    match (shape, tree) {
        (shape, tree) if is_zero_time(shape, tree) => *tree = Value::Null,
        (Shape::Object(of), tree) => restore_fields(schemas, *of, tree),
        (Shape::List(item), Value::Array(items)) => {
            items
                .iter_mut()
                .for_each(|each| restore(schemas, item, each));
        }
        (Shape::Map(of), Value::Object(entries)) => {
            entries
                .values_mut()
                .for_each(|value| restore(schemas, of, value));
        }
        _ => {}
    }
}

fn is_zero_time(shape: &Shape, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    matches!(shape, Shape::Time | Shape::MicroTime)
        && text.starts_with("0001-01-01T00:00:00")
        && text
            .trim_start_matches("0001-01-01T00:00:00")
            .trim_matches(['.', '0'])
            == "Z"
}

#[cfg(test)]
mod tests;
