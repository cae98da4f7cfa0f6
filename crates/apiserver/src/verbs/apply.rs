//! Server-side apply: a patch that names what its manager wants, and creates what is absent.

use super::{
    Call, change,
    managed_fields::{self, How},
    patch,
};
use crate::{Door, answer::Answer, decode};
use bytes::Bytes;
use machinery::{apply, field, status::Status};
use serde_json::Value;

/// Answers the request.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let wanted = machinery::yaml::parse(body)
        .map_err(|error| Status::bad_request(format!("error decoding YAML: {error}")))?;
    check(call, &wanted)?;
    let validation = call.field_validation()?;
    let force = call.query.truth("force");
    // What is applied is checked as it was sent; what it merges with was checked before.
    let mut found = Vec::new();
    decode::check_fields(
        &call.resource,
        wanted.to_string().as_bytes(),
        validation,
        &mut found,
    )?;
    let merge = |live: Option<&Value>| {
        managed_fields::with_request(call, false, force, |request| {
            apply::apply(live, &wanted, request)
        })?
        .unwrap_or_else(|| Err(Status::internal(&"the kind has no schema to apply by")))
    };
    let changed = change::run(door, call, How::Applied, &mut |current, warnings| {
        warnings.extend(found.iter().cloned());
        let live = patch::document(call, current)?;
        let merged = merge(Some(&live))?;
        patch::object(call, &merged, decode::FieldValidation::Ignore, warnings)
    })
    .await;
    match changed {
        Ok(changed) => changed.answer(call, 200),
        Err(status) if status.is("NotFound") && call.subresource.is_none() => {
            let mut warnings = found.clone();
            let merged = merge(None)?;
            let view = patch::object(
                call,
                &merged,
                decode::FieldValidation::Ignore,
                &mut warnings,
            )?;
            patch::create_applied(door, call, view, &mut warnings).await
        }
        Err(status) => Err(status),
    }
}

/// What every applied object must say.
fn check(call: &Call, wanted: &Value) -> Result<(), Status> {
    if call.query.get("fieldManager").is_none() {
        let path = field::Path::new("fieldManager");
        let error = field::Error::required(&path, "is required for apply patch");
        let kind = machinery::status::Resource {
            group: "meta.k8s.io",
            plural: "PatchOptions",
        };
        return Err(Status::invalid(kind, "", &[error]));
    }
    let json = wanted.to_string();
    let expected = decode::Expected {
        group: call.resource.group(),
        version: call.resource.version(),
        kind: call.resource.kind(),
    };
    decode::expect_kind(json.as_bytes(), &expected)?;
    match wanted.pointer("/metadata/name").and_then(Value::as_str) {
        Some(name) if name != call.target.name => Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            call.target.name
        ))),
        _ => Ok(()),
    }
}
