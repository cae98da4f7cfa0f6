//! The rules of `metadata`: upstream's `ValidateObjectMeta` and `ValidateObjectMetaUpdate`, and
//! names made from `generateName`.

#[cfg(test)]
mod tests;

use crate::{
    field::{Error, ErrorList, Path},
    labels, names,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use std::collections::BTreeSet;
use stdx::random::Random;

/// All keys and values of annotations together.
pub const ANNOTATIONS_LIMIT_BYTES: usize = 256 * 1024;
/// Longest `generateName` that still leaves room for its suffix.
const GENERATE_NAME_LIMIT_BYTES: usize = 58;
const SUFFIX_LENGTH: usize = 5;
/// Finalizers without a domain that upstream knows.
const STANDARD_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];
const IMMUTABLE: &str = "field is immutable";

/// `base` and five safe characters; a base too long is cut.
#[must_use]
pub fn generate_name(base: &str, random: &Random) -> String {
    let mut end = base.len().min(GENERATE_NAME_LIMIT_BYTES);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{}", &base[..end], random.suffix(SUFFIX_LENGTH))
}

/// Errors of an object's metadata at `path`. `name_errors` are the kind's rules for names.
#[must_use]
pub fn validate(
    metadata: &ObjectMeta,
    namespaced: bool,
    name_errors: &dyn Fn(&str) -> Vec<String>,
    path: &Path,
) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(base) = metadata
        .generate_name
        .as_deref()
        .filter(|it| !it.is_empty())
    {
        // A trailing dash is fine: the suffix follows it.
        let checked = base
            .strip_suffix('-')
            .map_or_else(|| base.to_owned(), |it| format!("{it}a"));
        for message in name_errors(&checked) {
            errors.push(Error::invalid(&path.child("generateName"), base, &message));
        }
    }
    match metadata.name.as_deref().unwrap_or_default() {
        "" => errors.push(Error::required(
            &path.child("name"),
            "name or generateName is required",
        )),
        name => {
            for message in name_errors(name) {
                errors.push(Error::invalid(&path.child("name"), name, &message));
            }
        }
    }
    validate_namespace(metadata, namespaced, path, &mut errors);
    if metadata.generation.is_some_and(|number| number < 0) {
        errors.push(Error::invalid(
            &path.child("generation"),
            metadata.generation.unwrap_or_default(),
            "must be greater than or equal to 0",
        ));
    }
    if let Some(map) = &metadata.labels {
        errors.extend(labels::validate_labels(map, &path.child("labels")));
    }
    validate_annotations(metadata, &path.child("annotations"), &mut errors);
    validate_owners(metadata, &path.child("ownerReferences"), &mut errors);
    validate_finalizers(metadata, &path.child("finalizers"), &mut errors);
    errors
}

fn validate_namespace(
    metadata: &ObjectMeta,
    namespaced: bool,
    path: &Path,
    errors: &mut ErrorList,
) {
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let path = path.child("namespace");
    match (namespaced, namespace) {
        (true, "") => errors.push(Error::required(&path, "")),
        (true, text) => {
            for message in names::label_errors(text) {
                errors.push(Error::invalid(&path, text, &message));
            }
        }
        (false, "") => {}
        (false, _) => errors.push(Error::forbidden(&path, "not allowed on this type")),
    }
}

/// Errors of what the objects made from a template will bear: upstream's `ValidateTemplateObjectMeta`.
pub fn validate_template(metadata: &ObjectMeta, path: &Path, errors: &mut ErrorList) {
    validate_annotations(metadata, &path.child("annotations"), errors);
    if let Some(map) = &metadata.labels {
        errors.extend(labels::validate_labels(map, &path.child("labels")));
    }
}

/// Errors of annotations at `path`.
pub fn validate_annotations(metadata: &ObjectMeta, path: &Path, errors: &mut ErrorList) {
    let mut size_bytes = 0;
    for (key, value) in metadata.annotations.iter().flatten() {
        for message in names::annotation_key_errors(key) {
            errors.push(Error::invalid(path, key, &message));
        }
        size_bytes += key.len() + value.len();
    }
    if size_bytes > ANNOTATIONS_LIMIT_BYTES {
        errors.push(Error::too_long(path, ANNOTATIONS_LIMIT_BYTES));
    }
}

fn validate_owners(metadata: &ObjectMeta, path: &Path, errors: &mut ErrorList) {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    let mut controller: Option<&OwnerReference> = None;
    for (index, owner) in owners.iter().enumerate() {
        validate_owner(owner, &path.index(index), errors);
        if owner.controller == Some(true) {
            if let Some(first) = controller {
                errors.push(Error::invalid(
                    path,
                    serde_json::json!(owners.iter().map(describe_owner).collect::<Vec<_>>()),
                    &format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {} and {}",
                        first.name, owner.name
                    ),
                ));
            }
            controller = Some(owner);
        }
    }
}

fn describe_owner(owner: &OwnerReference) -> serde_json::Value {
    serde_json::json!({
        "apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid,
        "controller": owner.controller, "blockOwnerDeletion": owner.block_owner_deletion,
    })
}

fn validate_owner(owner: &OwnerReference, path: &Path, errors: &mut ErrorList) {
    let version = owner.api_version.rsplit('/').next().unwrap_or_default();
    if version.is_empty() || owner.api_version.matches('/').count() > 1 {
        errors.push(Error::invalid(
            &path.child("apiVersion"),
            &owner.api_version,
            "version must not be empty",
        ));
    }
    for (name, value) in [
        ("kind", &owner.kind),
        ("name", &owner.name),
        ("uid", &owner.uid),
    ] {
        if value.is_empty() {
            errors.push(Error::invalid(
                &path.child(name),
                value,
                &format!("{name} must not be empty"),
            ));
        }
    }
    if owner.api_version == "v1" && owner.kind == "Event" {
        errors.push(Error::invalid(
            path,
            describe_owner(owner),
            "/v1, Kind=Event is disallowed from being an owner",
        ));
    }
}

fn validate_finalizers(metadata: &ObjectMeta, path: &Path, errors: &mut ErrorList) {
    let finalizers = metadata.finalizers.as_deref().unwrap_or_default();
    for (index, name) in finalizers.iter().enumerate() {
        for message in names::qualified_name_errors(name) {
            errors.push(Error::invalid(path, name, &message));
        }
        if !name.contains('/') && !STANDARD_FINALIZERS.contains(&name.as_str()) {
            errors.push(Error::invalid(
                &path.index(index),
                name,
                "name is neither a standard finalizer name nor is it fully qualified",
            ));
        }
    }
    let has = |name: &str| finalizers.iter().any(|it| it == name);
    if has("orphan") && has("foregroundDeletion") {
        errors.push(Error::invalid(
            path,
            serde_json::json!(finalizers),
            "finalizer foregroundDeletion and orphan cannot be both set",
        ));
    }
}

/// Errors of changing `old` into `new`; the door has already put back what clients may leave out
/// (`creationTimestamp`, `uid`).
#[must_use]
pub fn validate_update(new: &ObjectMeta, old: &ObjectMeta, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let has_new_finalizer = new.deletion_timestamp.is_some()
        && new
            .finalizers
            .iter()
            .flatten()
            .any(|it| !old.finalizers.iter().flatten().any(|had| had == it));
    if old.deletion_timestamp.is_some() && has_new_finalizer {
        errors.push(Error::forbidden(
            &path.child("finalizers"),
            &format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers {:?}",
                new.finalizers
                    .iter()
                    .flatten()
                    .filter(|it| !old.finalizers.iter().flatten().any(|had| had == *it))
                    .collect::<BTreeSet<_>>()
            ),
        ));
    }
    if new.generation.unwrap_or(0) < old.generation.unwrap_or(0) {
        errors.push(Error::invalid(
            &path.child("generation"),
            new.generation.unwrap_or(0),
            "must not be decremented",
        ));
    }
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    for (name, new, old) in [
        ("name", text(&new.name), text(&old.name)),
        ("namespace", text(&new.namespace), text(&old.namespace)),
        ("uid", text(&new.uid), text(&old.uid)),
    ] {
        immutable(&path.child(name), &new, &old, &mut errors);
    }
    let time = |value: &ObjectMeta| {
        value
            .creation_timestamp
            .as_ref()
            .map(|time| crate::durations::rfc3339(time.0))
            .unwrap_or_default()
    };
    immutable(
        &path.child("creationTimestamp"),
        &time(new),
        &time(old),
        &mut errors,
    );
    if let Some(map) = &new.labels {
        errors.extend(labels::validate_labels(map, &path.child("labels")));
    }
    validate_annotations(new, &path.child("annotations"), &mut errors);
    validate_owners(new, &path.child("ownerReferences"), &mut errors);
    validate_finalizers(new, &path.child("finalizers"), &mut errors);
    errors
}

/// Adds `Invalid value: new: field is immutable` when a field changed.
pub fn immutable(path: &Path, new: &str, old: &str, errors: &mut ErrorList) {
    if new != old {
        errors.push(Error::invalid(path, new, IMMUTABLE));
    }
}
