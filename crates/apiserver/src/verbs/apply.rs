//! Server-side apply: a patch that names what its manager wants, and creates what is absent.

use super::{
    Call, change, create,
    managed_fields::{self, How},
    patch,
};
use crate::{
    Door,
    answer::Answer,
    decode::{self, FieldValidation},
};
use api::AnyObject;
use bytes::Bytes;
use machinery::{apply, status::Status, yaml};
use serde_json::Value;

/// Answers the request.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let (wanted, duplicates) = yaml::parse_strict(body)
        .map_err(|error| Status::bad_request(format!("error decoding YAML: {error}")))?;
    if !matches!(wanted, Value::Object(_) | Value::Null) {
        return Err(Status::bad_request(
            "error decoding YAML: error unmarshaling JSON: the document is not an object",
        ));
    }
    let force = call.query.truth("force");
    let merge = |live: Option<&Value>, warnings: &mut Vec<String>| {
        let merged = managed_fields::with_request(call, false, force, |request| {
            apply::apply(live, &wanted, request)
        });
        let merged = merged
            .unwrap_or_else(|| Err(Status::internal(&"the kind has no schema to apply by")))?;
        if let Some(found) = &duplicates {
            match call.field_validation() {
                FieldValidation::Ignore => {}
                FieldValidation::Warn => warnings.push(found.clone()),
                FieldValidation::Strict => {
                    return Err(Status::bad_request(format!(
                        "error strict decoding YAML: {found}"
                    )));
                }
            }
        }
        object(call, &merged, warnings)
    };
    let changed = change::run(door, call, How::Settled, &mut |current, warnings| {
        merge(Some(&patch::document(call, current)?), warnings)
    })
    .await;
    match changed {
        Ok(changed) => changed.answer(call, 200),
        Err(status) if status.is("NotFound") && call.subresource.is_none() => {
            let mut warnings = Vec::new();
            let mut view = merge(None, &mut warnings)?;
            if let Some(uid) = &view.metadata().uid {
                let because = format!(
                    "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                );
                let (named, name) = (call.resource.named(), &call.target.name);
                return Err(Status::conflict(named, name, &because));
            }
            change::check_name(call, view.metadata().name.as_deref())?;
            view.metadata_mut().resource_version = None;
            let created = create::create(door, call, view, How::Settled, warnings).await?;
            created.answer(call, 201)
        }
        Err(status) => Err(status),
    }
}

/// The merged tree as an object; its fields were checked while merging.
fn object(
    call: &Call,
    merged: &Value,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn AnyObject>, Status> {
    let json = merged.to_string();
    decode::object(
        &call.resource,
        json.as_bytes(),
        FieldValidation::Ignore,
        warnings,
    )
}
