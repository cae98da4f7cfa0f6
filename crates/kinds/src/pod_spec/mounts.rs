//! Errors of a container's volume mounts and block devices: upstream's `ValidateVolumeMounts` and
//! `ValidateVolumeDevices`.

use super::volumes::{local_descending, no_backsteps};
use crate::check;
use k8s_openapi::api::core::v1::{Container, Volume, VolumeMount};
use machinery::field::{Error, ErrorList, Path};
use std::collections::{BTreeMap, BTreeSet};

/// The well-formed volumes of a spec.
pub(super) struct Volumes<'a>(pub(super) BTreeMap<&'a str, &'a Volume>);

const PROPAGATIONS: &[&str] = &["Bidirectional", "HostToContainer", "None"];
const RECURSIVE: &[&str] = &["Disabled", "Enabled", "IfPossible"];

/// Errors of `volumeMounts`.
pub(super) fn mounts(e: &mut ErrorList, path: &Path, container: &Container, all: &Volumes<'_>) {
    let devices = container.volume_devices.as_deref().unwrap_or_default();
    let mut taken = BTreeSet::new();
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let at = path.index(index);
        let (name, place) = (&mount.name, &mount.mount_path);
        check::required(e, &at.child("name"), Some(name));
        if !all.0.contains_key(name.as_str()) {
            e.push(Error::not_found(&at.child("name"), name));
        }
        check::required(e, &at.child("mountPath"), Some(place));
        if !taken.insert(place) {
            e.push(Error::invalid(
                &at.child("mountPath"),
                place,
                "must be unique",
            ));
        }
        if devices.iter().any(|it| it.name == *name) {
            let text = "must not already exist in volumeDevices";
            e.push(Error::invalid(&at.child("name"), name, text));
        }
        if devices.iter().any(|it| it.device_path == *place) {
            let text = "must not already exist as a path in volumeDevices";
            e.push(Error::invalid(&at.child("mountPath"), place, text));
        }
        below(e, path, mount);
        propagation(e, path, mount, container);
    }
}

/// A part of a volume. Upstream names the list, not the item, when its path is malformed.
fn below(e: &mut ErrorList, path: &Path, mount: &VolumeMount) {
    let given = |it: &Option<String>| it.clone().filter(|it| !it.is_empty());
    let (part, expression) = (given(&mount.sub_path), given(&mount.sub_path_expr));
    if let Some(part) = &part {
        local_descending(e, &path.child("subPath"), part);
    }
    if let Some(expression) = &expression {
        let at = path.child("subPathExpr");
        if part.is_some() {
            let text = "subPathExpr and subPath are mutually exclusive";
            e.push(Error::invalid(&at, expression, text));
        }
        local_descending(e, &at, expression);
    }
}

fn propagation(e: &mut ErrorList, path: &Path, mount: &VolumeMount, container: &Container) {
    let asked = mount.mount_propagation.as_deref();
    if let Some(asked) = asked {
        let at = path.child("mountPropagation");
        if !PROPAGATIONS.contains(&asked) {
            e.push(Error::not_supported(&at, asked, PROPAGATIONS));
        }
        let context = container.security_context.as_ref();
        let privileged = context.and_then(|it| it.privileged) == Some(true);
        if asked == "Bidirectional" && !privileged {
            let text = "Bidirectional mount propagation is available only to privileged containers";
            e.push(Error::forbidden(&at, text));
        }
    }
    let at = path.child("recursiveReadOnly");
    match mount.recursive_read_only.as_deref() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if mount.read_only != Some(true) {
                let text = "may only be specified when readOnly is true";
                e.push(Error::forbidden(&at, text));
            }
            if asked.is_some_and(|it| it != "None") {
                let text = "may only be specified when mountPropagation is None or not specified";
                e.push(Error::forbidden(&at, text));
            }
        }
        Some(other) => e.push(Error::not_supported(&at, other, RECURSIVE)),
    }
}

/// Errors of `volumeDevices`.
pub(super) fn devices(e: &mut ErrorList, path: &Path, container: &Container, all: &Volumes<'_>) {
    let mounts = container.volume_mounts.as_deref().unwrap_or_default();
    let (mut named, mut placed) = (BTreeSet::new(), BTreeSet::new());
    for (index, device) in container.volume_devices.iter().flatten().enumerate() {
        let path = path.index(index);
        let (at, place_at) = (path.child("name"), path.child("devicePath"));
        let (name, place) = (&device.name, &device.device_path);
        check::required(e, &at, Some(name));
        if named.contains(name) {
            e.push(Error::invalid(&at, name, "must be unique"));
        }
        match all.0.get(name.as_str()) {
            Some(it) if it.persistent_volume_claim.is_none() && it.ephemeral.is_none() => {
                let text = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                e.push(Error::invalid(&at, name, text));
            }
            Some(_) => {}
            None => e.push(Error::not_found(&at, name)),
        }
        check::required(e, &place_at, Some(place));
        if placed.contains(place) {
            e.push(Error::invalid(&place_at, place, "must be unique"));
        }
        if no_backsteps(place) {
            placed.insert(place);
        } else {
            e.push(Error::invalid(
                &place_at,
                place,
                "can not contain backsteps ('..')",
            ));
        }
        if mounts.iter().any(|it| it.name == *name) {
            let text = "must not already exist in volumeMounts";
            e.push(Error::invalid(&at, name, text));
        }
        if mounts.iter().any(|it| it.mount_path == *place) {
            let text = "must not already exist as a path in volumeMounts";
            e.push(Error::invalid(&place_at, place, text));
        }
        if !name.is_empty() {
            named.insert(name);
        }
    }
}
