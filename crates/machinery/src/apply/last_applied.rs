//! The way from client-side to server-side apply for the manager `kubectl`: what the last-applied
//! annotation says is kubectl's own, whoever the books name. Upstream: `lastappliedmanager.go`.

use super::{
    Conflict, Request,
    compare::compare,
    field_set::{Set, canonical},
};
use crate::metadata::ANNOTATIONS_LIMIT_BYTES;
use serde_json::Value;

const MANAGER: &str = "kubectl";
const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The conflicts that are left when those are allowed whose fields the annotation named and nobody
/// changed since.
pub(super) fn left(
    conflicts: Vec<Conflict>,
    live: Option<&Value>,
    request: &Request<'_>,
) -> Vec<Conflict> {
    let Some(allowed) = live
        .filter(|_| request.manager == MANAGER)
        .and_then(|live| allowed(live, request))
    else {
        return conflicts;
    };
    let allowed = allowed.paths();
    conflicts
        .into_iter()
        .filter(|conflict| !allowed.contains(&conflict.path))
        .collect()
}

fn allowed(live: &Value, request: &Request<'_>) -> Option<Set> {
    let applied: Value = serde_json::from_str(annotation(live)?).ok()?;
    if applied.get("apiVersion")?.as_str()? != request.api_version {
        return None;
    }
    let node = request.node();
    let mut set = Set::of(&applied, node);
    let changes = compare(Some(&applied), live, node);
    for changed in [&changes.modified, &changes.added, &changes.removed] {
        set.subtract(changed);
    }
    Some(set)
}

fn annotation(object: &Value) -> Option<&str> {
    let annotations = object.get("metadata")?.get("annotations")?;
    annotations
        .get(ANNOTATION)?
        .as_str()
        .filter(|text| !text.is_empty())
}

/// Keeps an annotation that exists in step with what kubectl applies now.
pub(super) fn sync(merged: &mut Value, applied: &Value, request: &Request<'_>) {
    if request.manager != MANAGER || annotation(merged).is_none() {
        return;
    }
    let mut plain = applied.clone();
    if let Some(annotations) = plain
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.remove(ANNOTATION);
    }
    let text = format!("{}\n", canonical(&plain));
    let Some(annotations) = merged
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    annotations.insert(ANNOTATION.to_owned(), text.into());
    let size: usize = annotations
        .iter()
        .map(|(key, value)| key.len() + value.as_str().map_or(0, str::len))
        .sum();
    if size > ANNOTATIONS_LIMIT_BYTES {
        annotations.remove(ANNOTATION);
    }
}
