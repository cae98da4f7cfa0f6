//! The three patches on trees: JSON patch, merge patch and strategic merge patch. Each takes the
//! object as it is and the request's body, and gives the object as it shall be or the Status to answer.

mod nesting;
mod strategic;
mod strict;
#[cfg(test)]
mod tests;
mod three_way;

pub use strict::{duplicates, go_text, strict_operations};

use crate::{
    node::Node,
    status::{Details, Status},
};
use api::schema::{Schemas, TypeRef};
use json_patch::PatchOperation;
use serde_json::Value;

/// Operations of one JSON patch; upstream's limit.
pub const OPERATIONS_LIMIT: usize = 10_000;
/// What the copies of one JSON patch may add to the object; upstream's `JSONPatchMaxCopyBytes`.
pub const COPIES_LIMIT_BYTES: usize = 3 << 20;

/// Applies an RFC 6902 patch.
///
/// # Errors
/// 400 when the body is no patch, 413 for too many operations, 422 when an operation does not apply.
pub fn json(object: &Value, body: &[u8]) -> Result<Value, Status> {
    let Value::Array(operations) = decode(body)? else {
        return Err(wrong_shape(body, "[]handlers.jsonPatchOp"));
    };
    if operations.len() > OPERATIONS_LIMIT {
        return Err(Status::failure(
            413,
            "RequestEntityTooLarge",
            format!(
                "Request entity too large: The allowed maximum operations in a JSON patch is {OPERATIONS_LIMIT}, got {}",
                operations.len()
            ),
        ));
    }
    let mut patched = object.clone();
    let mut copied_bytes = 0;
    for operation in operations {
        let operation = serde_json::from_value(operation).map_err(|_| unprocessable())?;
        if let PatchOperation::Copy(copy) = &operation {
            let value = patched.pointer(copy.from.as_str());
            copied_bytes += value.map_or(0, |value| value.to_string().len());
            if copied_bytes > COPIES_LIMIT_BYTES {
                return Err(unprocessable());
            }
        }
        if nesting::is_too_deep(&patched, &operation) {
            return Err(unprocessable());
        }
        json_patch::patch(&mut patched, &[operation]).map_err(|_| unprocessable())?;
    }
    Ok(patched)
}

/// Applies an RFC 7386 patch.
///
/// # Errors
/// 400 when the body is no JSON object.
pub fn merge(object: &Value, body: &[u8]) -> Result<Value, Status> {
    let patch: Value = decode(body)?;
    if !patch.is_object() {
        return Err(wrong_shape(body, "map[string]interface {}"));
    }
    let mut patched = object.clone();
    json_patch::merge(&mut patched, &patch);
    Ok(patched)
}

/// Applies a strategic merge patch to an object of type `of`.
///
/// # Errors
/// 400 when the body is no such patch or its directives are malformed.
pub fn strategic(
    object: &Value,
    body: &[u8],
    schemas: &Schemas,
    of: TypeRef,
) -> Result<Value, Status> {
    let patch: Value = decode(body)?;
    if !patch.is_object() {
        return Err(wrong_shape(body, "map[string]interface {}"));
    }
    strategic_tree(object, &patch, schemas, of)
}

/// [`strategic`] with the patch as a tree.
///
/// # Errors
/// See [`strategic`].
pub fn strategic_tree(
    object: &Value,
    patch: &Value,
    schemas: &Schemas,
    of: TypeRef,
) -> Result<Value, Status> {
    let (Value::Object(object), Value::Object(patch)) = (object, patch) else {
        return Err(Status::bad_request("invalid JSON document"));
    };
    strategic::merge_map(object.clone(), patch, Node::root(schemas, of))
        .map(Value::Object)
        .map_err(|error| match error.is_format() {
            true => Status::bad_request(error.to_string()),
            false => Status::failure(500, "", error.to_string()),
        })
}

/// The patch that brings `current` to the manifest `modified`, given the manifest last applied:
/// strategic with a schema, else a merge patch. `{}` when nothing is to be done.
#[must_use]
pub fn three_way(
    original: &Value,
    modified: &Value,
    current: &Value,
    schema: Option<(&Schemas, TypeRef)>,
) -> Value {
    let map = |tree: &Value| tree.as_object().cloned().unwrap_or_default();
    let node = schema.map(|(schemas, of)| Node::root(schemas, of));
    Value::Object(three_way::map_patch(
        &map(original),
        &map(modified),
        &map(current),
        node,
    ))
}

fn decode<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Status> {
    serde_json::from_slice(body).map_err(|error| bad_body(&error))
}

fn bad_body(error: &serde_json::Error) -> Status {
    Status::bad_request(format!("error decoding patch: {error}"))
}

/// A body of another shape than the patch has.
fn wrong_shape(body: &[u8], go_type: &str) -> Status {
    let found = match serde_json::from_slice(body) {
        Ok(Value::Object(_)) => "object",
        Ok(Value::Array(_)) => "array",
        Ok(Value::String(_)) => "string",
        Ok(Value::Bool(_)) => "bool",
        Ok(Value::Number(_)) => "number",
        _ => "null",
    };
    Status::bad_request(format!(
        "error decoding patch: json: cannot unmarshal {found} into Go value of type {go_type}"
    ))
}

/// Upstream's generic 422, which says no more.
fn unprocessable() -> Status {
    let mut status = Status::failure(
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
    );
    status.details = Some(Details::default());
    status
}
