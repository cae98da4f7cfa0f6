//! Errors of persistent volumes: upstream's `ValidatePersistentVolumeSpec`.

mod sources;

use crate::{amounts, check, pod_spec::scheduling};
use k8s_openapi::api::core::v1::{PersistentVolumeSpec, VolumeNodeAffinity};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};
use serde_json::json;

/// How a volume may be mounted.
const ACCESS_MODES: &[&str] = &[
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];
const RECLAIM_POLICIES: &[&str] = &["Delete", "Recycle", "Retain"];
pub(in crate::core) const VOLUME_MODES: &[&str] = &["Block", "Filesystem"];
const NOT_INLINE: &str = "may not be specified in the context of inline volumes";

/// Where a volume is described.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// In an object of its own, by this name.
    Object(&'a str),
    /// Within an attachment.
    Inline,
}

/// Errors of a volume.
pub(crate) fn spec(e: &mut ErrorList, path: &Path, spec: &PersistentVolumeSpec, place: Place<'_>) {
    let (inline, name) = match place {
        Place::Object(name) => (false, name),
        Place::Inline => (true, ""),
    };
    if inline {
        let has_capacity = spec.capacity.as_ref().is_some_and(|it| !it.is_empty());
        for (field, set) in [
            ("claimRef", spec.claim_ref.is_some()),
            ("capacity", has_capacity),
        ] {
            if set {
                e.push(Error::forbidden(&path.child(field), NOT_INLINE));
            }
        }
        if spec.csi.is_none() {
            let text = "has to be specified in the context of inline volumes";
            e.push(Error::required(&path.child("csi"), text));
        }
    }
    access_modes(
        e,
        &path.child("accessModes"),
        spec.access_modes.as_deref(),
        "",
    );
    if !inline {
        capacity(e, &path.child("capacity"), spec);
    }
    policy(e, path, spec, inline);
    if let Some(it) = &spec.node_affinity {
        affinity(e, &path.child("nodeAffinity"), it, inline);
    }
    sources::one(e, path, spec, name);
    classes(e, path, spec, inline);
}

/// Errors of access modes; upstream names the list, not the item.
pub(in crate::core) fn access_modes(
    e: &mut ErrorList,
    path: &Path,
    modes: Option<&[String]>,
    missing: &str,
) {
    let modes = modes.unwrap_or_default();
    if modes.is_empty() {
        e.push(Error::required(path, missing));
    }
    mode_names(e, path, modes);
}

/// Errors of access modes that are there.
pub(in crate::core) fn mode_names(e: &mut ErrorList, path: &Path, modes: &[String]) {
    let known = |mode: &&String| ACCESS_MODES.contains(&mode.as_str());
    for mode in modes.iter().filter(|mode| !known(mode)) {
        e.push(Error::not_supported(path, mode, ACCESS_MODES));
    }
    let alone = |mode: &String| mode == "ReadWriteOncePod";
    let others = modes.iter().filter(known).any(|mode| !alone(mode));
    if others && modes.iter().any(alone) {
        let text = "may not use ReadWriteOncePod with other access modes";
        e.push(Error::forbidden(path, text));
    }
}

/// Errors of the name of a class.
pub(in crate::core) fn class(e: &mut ErrorList, path: &Path, name: Option<&String>) {
    if let Some(name) = name.filter(|it| !it.is_empty()) {
        check::messages(e, path, name, names::subdomain_errors(name));
    }
}

fn capacity(e: &mut ErrorList, path: &Path, spec: &PersistentVolumeSpec) {
    let capacity = spec.capacity.clone().unwrap_or_default();
    if capacity.is_empty() {
        e.push(Error::required(path, ""));
    }
    if !capacity.contains_key("storage") || capacity.len() > 1 {
        let shown = spec.capacity.as_ref().map(|it| {
            let pairs = it
                .iter()
                .map(|(name, amount)| (name.clone(), json!(amount.0)));
            pairs.collect::<serde_json::Map<_, _>>()
        });
        e.push(Error::not_supported(path, json!(shown), &["storage"]));
    }
    for (name, amount) in &capacity {
        let path = path.key(name);
        amounts::basic(e, &path, amount);
        amounts::positive(e, &path, amount);
    }
}

fn policy(e: &mut ErrorList, path: &Path, spec: &PersistentVolumeSpec, inline: bool) {
    let path = path.child("persistentVolumeReclaimPolicy");
    match spec.persistent_volume_reclaim_policy.as_deref() {
        None | Some("") => {}
        Some("Retain") if inline => {}
        Some(_) if inline => {
            let text = "may only be Retain in the context of inline volumes";
            e.push(Error::forbidden(&path, text));
        }
        Some(policy) if !RECLAIM_POLICIES.contains(&policy) => {
            e.push(Error::not_supported(&path, policy, RECLAIM_POLICIES));
        }
        Some(_) => {}
    }
}

fn affinity(e: &mut ErrorList, path: &Path, it: &VolumeNodeAffinity, inline: bool) {
    if inline {
        e.push(Error::forbidden(path, NOT_INLINE));
        return;
    }
    let path = path.child("required");
    match &it.required {
        Some(selector) => scheduling::node_selector(e, &path, selector),
        None => e.push(Error::required(
            &path,
            "must specify required node constraints",
        )),
    }
}

fn classes(e: &mut ErrorList, path: &Path, spec: &PersistentVolumeSpec, inline: bool) {
    let name = spec.storage_class_name.as_ref();
    let at = path.child("storageClassName");
    if inline && name.is_some_and(|it| !it.is_empty()) {
        e.push(Error::forbidden(&at, NOT_INLINE));
    } else {
        class(e, &at, name);
    }
    let at = path.child("volumeMode");
    match spec.volume_mode.as_deref() {
        None | Some("Filesystem") => {}
        Some(_) if inline => {
            let text =
                "may not specify volumeMode other than Filesystem in the context of inline volumes";
            e.push(Error::forbidden(&at, text));
        }
        Some(mode) if !VOLUME_MODES.contains(&mode) => {
            e.push(Error::not_supported(&at, mode, VOLUME_MODES));
        }
        Some(_) => {}
    }
    let Some(name) = &spec.volume_attributes_class_name else {
        return;
    };
    let at = path.child("volumeAttributesClassName");
    if name.is_empty() {
        e.push(Error::required(&at, "an empty string is disallowed"));
    }
    class(e, &at, Some(name));
    if spec.csi.is_none() {
        let text = "has to be specified when using volumeAttributesClassName";
        e.push(Error::required(&path.child("csi"), text));
    }
}
