//! Who owns which field: `metadata.managedFields`, kept for every write.

use super::Call;
use api::{AnyObject, schema};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, Time};
use kinds::SubresourceKind;
use machinery::{apply, status::Status};
use serde_json::Value;

/// How the object was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Written by create, update or patch: what changed is the manager's.
    Update,
    /// Applied: ownership was settled while merging.
    Applied,
}

/// Runs `work` with what machinery needs to know; nothing when the kind has no schema.
pub(crate) fn with_request<T>(
    call: &Call,
    stored: bool,
    force: bool,
    work: impl FnOnce(&apply::Request<'_>) -> T,
) -> Result<Option<T>, Status> {
    let law = if stored {
        call.resource.stored
    } else {
        call.resource.law
    };
    let schemas = schema::builtin();
    let Some(of) = schemas.kind(law.group(), law.version(), law.kind()) else {
        return Ok(None);
    };
    let has_status = law
        .subresources()
        .iter()
        .any(|sub| sub.serves == SubresourceKind::Status);
    let reset_fields: &[&str] = match call.subresource {
        Some(sub) if sub.serves == SubresourceKind::Status => &["spec"],
        None if has_status => &["status"],
        _ => &[],
    };
    let manager = call.manager()?;
    Ok(Some(work(&apply::Request {
        manager: &manager,
        api_version: &crate::resources::api_version(law.group(), law.version()),
        subresource: call.subresource.map_or("", |sub| sub.name),
        now: stdx::clock::whole_seconds(call.now),
        force,
        reset_fields,
        schemas,
        of,
    })))
}

/// Records in `new` who changed what. Both are in the stored form.
pub(crate) fn track(
    call: &Call,
    old: Option<&dyn AnyObject>,
    new: &mut dyn AnyObject,
    how: How,
) -> Result<(), Status> {
    if how == How::Applied {
        return Ok(());
    }
    let before = old
        .map(|old| crate::forms::tree(&old.encode()))
        .transpose()?;
    let mut after = crate::forms::tree(&new.encode())?;
    with_request(call, true, false, |request| {
        apply::track_update(before.as_ref(), &mut after, request)
    })?;
    let entries = after
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    new.metadata_mut().managed_fields = entries.map(|entries| entries.iter().map(entry).collect());
    Ok(())
}

fn entry(tree: &Value) -> ManagedFieldsEntry {
    let text = |name: &str| tree.get(name).and_then(Value::as_str).map(str::to_owned);
    ManagedFieldsEntry {
        api_version: text("apiVersion"),
        fields_type: text("fieldsType"),
        fields_v1: tree.get("fieldsV1").cloned().map(FieldsV1),
        manager: text("manager"),
        operation: text("operation"),
        subresource: text("subresource"),
        time: text("time").and_then(|time| time.parse().ok()).map(Time),
    }
}
