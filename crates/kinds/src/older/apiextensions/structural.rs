//! A schema made structural: v1beta1 did not require that every part says its type, v1 does.

use super::super::tree::{Object, fill, is_absent};
use serde_json::Value;

const ANYTHING: &str = "x-kubernetes-preserve-unknown-fields";
const NUMBER_OR_TEXT: &str = "x-kubernetes-int-or-string";
/// Deepest schema that is completed; deeper ones are left for validation to judge.
const DEPTH: usize = 64;

/// Says the types that follow from the rest of a schema. `keeps`: fields without a schema are not dropped.
pub(super) fn complete(schema: &mut Object, keeps: bool) {
    walk(schema, keeps, DEPTH);
}

fn walk(schema: &mut Object, keeps: bool, depth: usize) {
    if depth == 0 {
        return;
    }
    let says = |schema: &Object, field: &str| schema.get(field) == Some(&Value::Bool(true));
    if is_absent(schema, "type") && !says(schema, NUMBER_OR_TEXT) && !says(schema, ANYTHING) {
        infer(schema);
    }
    let open = schema.get("type").is_some_and(|it| it == "object");
    if keeps && open && is_absent(schema, "additionalProperties") {
        fill(schema, ANYTHING, true);
    }
    for field in ["items", "additionalProperties"] {
        if let Some(Value::Object(inner)) = schema.get_mut(field) {
            walk(inner, keeps, depth - 1);
        }
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, inner) in properties {
            if let (false, Some(inner)) =
                (name == "metadata" && depth == DEPTH, inner.as_object_mut())
            {
                walk(inner, keeps, depth - 1);
            }
        }
    }
}

fn infer(schema: &mut Object) {
    let has = |field: &str| !is_absent(schema, field);
    let of = if has("properties") || has("additionalProperties") || has("required") {
        Some("object")
    } else if has("items") || has("minItems") || has("maxItems") {
        Some("array")
    } else if has("pattern") || has("minLength") || has("maxLength") || has("format") {
        Some("string")
    } else {
        of_enum(schema)
    };
    match of {
        Some(of) => {
            schema.insert("type".to_owned(), of.into());
        }
        None if is_number_or_text(schema) => {
            schema.insert(NUMBER_OR_TEXT.to_owned(), true.into());
        }
        None => {
            schema.insert(ANYTHING.to_owned(), true.into());
        }
    }
}

fn of_enum(schema: &Object) -> Option<&'static str> {
    let values = schema.get("enum")?.as_array()?;
    values.iter().all(Value::is_string).then_some("string")
}

/// `anyOf` or `oneOf` an integer and a string.
fn is_number_or_text(schema: &Object) -> bool {
    ["anyOf", "oneOf"].iter().any(|field| {
        let types = schema.get(*field).and_then(Value::as_array);
        let mut types: Vec<_> = types
            .into_iter()
            .flatten()
            .filter_map(|it| it.get("type")?.as_str())
            .collect();
        types.sort_unstable();
        types == ["integer", "string"]
    })
}
