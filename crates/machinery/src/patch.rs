//! The three patches on trees: JSON patch, merge patch and strategic merge patch. Each takes the
//! object as it is and the request's body, and gives the object as it shall be or the Status to answer.

mod strategic;
#[cfg(test)]
mod tests;
mod three_way;

use crate::{
    node::Node,
    status::{Cause, Details, Status},
};
use api::schema::{Schemas, TypeRef};
use json_patch::{PatchErrorKind, PatchOperation};
use serde_json::Value;

/// Operations of one JSON patch; upstream's limit.
pub const OPERATIONS_LIMIT: usize = 10_000;

/// Applies an RFC 6902 patch.
///
/// # Errors
/// 400 when the body is no patch, 413 for too many operations, 422 when an operation does not apply.
pub fn json(object: &Value, body: &[u8]) -> Result<Value, Status> {
    let operations: Vec<Value> = decode(body)?;
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
    let operations: Vec<PatchOperation> = operations
        .into_iter()
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()
        .map_err(|error| bad_body(&error))?;
    let mut patched = object.clone();
    json_patch::patch(&mut patched, &operations).map_err(|error| {
        let name = operations.get(error.operation).map_or("", operation_name);
        unprocessable(&match error.kind {
            PatchErrorKind::TestFailed => {
                format!("testing value {} failed: test failed", error.path)
            }
            PatchErrorKind::InvalidFromPointer | PatchErrorKind::InvalidPointer => format!(
                "{name} operation does not apply: doc is missing path: {}: missing value",
                error.path
            ),
            other => format!("{name} operation does not apply: {other}"),
        })
    })?;
    Ok(patched)
}

fn operation_name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

/// Applies an RFC 7386 patch.
///
/// # Errors
/// 400 when the body is no JSON object.
pub fn merge(object: &Value, body: &[u8]) -> Result<Value, Status> {
    let patch: Value = decode(body)?;
    if !patch.is_object() {
        return Err(Status::bad_request(
            "error decoding patch: the patch is not a JSON object",
        ));
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
        return Err(Status::bad_request("Invalid JSON document"));
    };
    strategic::merge_map(object.clone(), patch, Node::root(schemas, of))
        .map(Value::Object)
        .map_err(|error| Status::bad_request(error.to_string()))
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

/// Upstream's generic 422: the reason is in the cause.
fn unprocessable(cause: &str) -> Status {
    let mut status = Status::failure(
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
    );
    status.details = Some(Details {
        causes: vec![Cause {
            reason: "UnexpectedServerResponse".to_owned(),
            message: cause.to_owned(),
            field: String::new(),
        }],
        ..Details::default()
    });
    status
}
