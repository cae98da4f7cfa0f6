//! Who owns which field: `metadata.managedFields`, kept for every write, and the bytes that are stored.

mod versions;

use super::Call;
use crate::{forms, watch_cache};
use api::AnyObject;
use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use machinery::{apply, durations, status::Status};
use serde_json::{Map, Value};
use versions::Versions;

/// How the object was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Written by create, update or patch: what changed is the manager's.
    Update,
    /// Ownership is settled already: by merging what was applied, or because nobody comes to own what is
    /// written (a pod's binding).
    Settled,
}

/// Runs `work` with what machinery needs to know; nothing when the kind has no schema.
pub(crate) fn with_request<T>(
    call: &Call,
    stored: bool,
    force: bool,
    work: impl FnOnce(&apply::Request<'_>) -> T,
) -> Option<T> {
    let resource = &call.resource;
    // Other views are kept book of as they are stored; an older version as it was written.
    let stored = stored && resource.older.is_none();
    let (law, schema) = if stored {
        (resource.stored, resource.stored_schema())
    } else {
        (resource.law, resource.schema())
    };
    let api_version = if stored {
        crate::resources::api_version(law.group(), law.version())
    } else {
        resource.api_version()
    };
    let (schemas, of) = schema?;
    let versions = Versions { resource, stored };
    Some(work(&apply::Request {
        manager: &call.manager(),
        api_version: &api_version,
        subresource: call.subresource.map_or("", |sub| sub.name),
        now: stdx::clock::whole_seconds(call.now),
        force,
        resets: call
            .subresource
            .map_or_else(|| law.resets(), |sub| sub.resets),
        schemas,
        of,
        versions: &versions,
    }))
}

/// The books of a changed object in its stored form. `old` are the stored bytes of what it was. Asked for
/// before admission and the law complete the object: what these set is nobody's, as upstream has it. The
/// object is given back without books.
pub(crate) fn books(
    call: &Call,
    old: Option<&Bytes>,
    new: &mut Box<dyn AnyObject>,
    how: How,
) -> Result<Option<Value>, Status> {
    let sent = take_entries(&mut **new);
    let json = settle(call, new)?;
    if how == How::Settled {
        return Ok(sent);
    }
    let mut before = None;
    let old = old
        .map(|bytes| written(call, bytes))
        .transpose()?
        .map(|mut old| {
            let metadata = old.get_mut("metadata").and_then(Value::as_object_mut);
            before = metadata.and_then(|it| it.remove("managedFields"));
            old
        });
    let tree = written(call, &json)?;
    let list = with_request(call, true, false, |request| {
        apply::track_update(old.as_ref(), &tree, before.as_ref(), sent.as_ref(), request)
    });
    Ok(list.flatten())
}

/// Makes an object the one that is read back when it was stored, for who compares the two; its bytes.
pub(crate) fn settle(call: &Call, object: &mut Box<dyn AnyObject>) -> Result<Vec<u8>, Status> {
    let written = object.written();
    if !written.is_settled {
        let settled = call.resource.stored.decode(&written.json);
        *object = settled.map_err(|error| Status::internal(&error))?;
    }
    Ok(written.json)
}

/// Whether an object that was refused for its size is to be written again without its books, as upstream
/// does unless it is applied.
pub(crate) fn can_do_without(refused: &Status, how: How, bare: bool) -> bool {
    refused.is("RequestEntityTooLarge") && how == How::Update && !bare
}

/// A stored object in the form that books are kept of.
fn written(call: &Call, stored: &[u8]) -> Result<Value, Status> {
    match call.resource.older {
        None => forms::tree(stored),
        Some(_) => forms::tree(&call.resource.view_bytes(&Bytes::copy_from_slice(stored))?),
    }
}

/// The bytes to store of an object whose books are in order.
pub(crate) fn stored_bytes(object: &mut dyn AnyObject) -> Bytes {
    let entries = take_entries(object);
    bytes_with(object, entries.as_ref())
}

/// The bytes to store of an object that has these books; here it is encoded for the store, once. The books stand first in the metadata, whoever wrote them: equal objects have equal bytes.
pub(crate) fn bytes_with(object: &mut dyn AnyObject, entries: Option<&Value>) -> Bytes {
    object.metadata_mut().resource_version = None;
    let plain = object.encode();
    match entries {
        Some(list) if list.as_array().is_some_and(|it| !it.is_empty()) => {
            let list = serde_json::to_string(&list).unwrap_or_else(|_| list.to_string());
            let field = [r#""managedFields":"#, &list, ","].concat();
            watch_cache::with_metadata(&plain, &field).into()
        }
        _ => plain.into(),
    }
}

fn take_entries(object: &mut dyn AnyObject) -> Option<Value> {
    let entries = object.metadata_mut().managed_fields.take()?;
    Some(entries.into_iter().map(to_tree).collect())
}

fn to_tree(entry: ManagedFieldsEntry) -> Value {
    let fields = [
        ("apiVersion", entry.api_version),
        ("fieldsType", entry.fields_type),
        ("manager", entry.manager),
        ("operation", entry.operation),
        ("subresource", entry.subresource),
        ("time", entry.time.map(|time| durations::rfc3339(time.0))),
    ];
    let mut tree: Map<String, Value> = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
        .collect();
    if let Some(fields) = entry.fields_v1 {
        tree.insert("fieldsV1".to_owned(), fields.0);
    }
    Value::Object(tree)
}
