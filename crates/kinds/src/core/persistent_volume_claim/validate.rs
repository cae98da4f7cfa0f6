//! Errors and warnings of claims: upstream's `ValidatePersistentVolumeClaim` and its update.

use crate::{
    amounts, check,
    core::persistent_volume::{
        CLASS, OLD_CLASS,
        validate::{VOLUME_MODES, access_modes, class, mode_names},
    },
    internal, ratchet,
};
use k8s_openapi::{
    api::core::v1::{
        PersistentVolumeClaim, PersistentVolumeClaimSpec, TypedLocalObjectReference,
        TypedObjectReference,
    },
    apimachinery::pkg::api::resource::Quantity as Wire,
};
use machinery::{
    field::{Error, ErrorList, Path},
    labels, names,
    quantity::Quantity,
};
use serde_json::json;

const FROZEN: &str = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
const RESIZES: &[&str] = &[
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
];
const CLAIM: &str = "PersistentVolumeClaim";

/// The old and the new way to name a source of data say the same.
pub(super) fn both_sources(object: &mut PersistentVolumeClaim) {
    let Some(spec) = &mut object.spec else { return };
    match (&spec.data_source, &spec.data_source_ref) {
        (Some(it), None) => {
            spec.data_source_ref = Some(TypedObjectReference {
                api_group: it.api_group.clone(),
                kind: it.kind.clone(),
                name: it.name.clone(),
                namespace: None,
            });
        }
        (None, Some(it)) if it.namespace.as_ref().is_none_or(String::is_empty) => {
            spec.data_source = Some(TypedLocalObjectReference {
                api_group: it.api_group.clone(),
                kind: it.kind.clone(),
                name: it.name.clone(),
            });
        }
        _ => {}
    }
}

/// The old way names claims and snapshots; what else it names was never heeded, so it is forgotten.
pub(super) fn forget_odd_source(
    object: &mut PersistentVolumeClaim,
    old: Option<&PersistentVolumeClaim>,
) {
    let old = old.and_then(|it| it.spec.as_ref());
    if old.is_some_and(|it| it.data_source.is_some() || it.data_source_ref.is_some()) {
        return;
    }
    let odd = |it: &mut TypedLocalObjectReference| {
        let group = it.api_group.as_deref().unwrap_or_default();
        !matches!(
            (group, it.kind.as_str()),
            ("", CLAIM) | ("snapshot.storage.k8s.io", "VolumeSnapshot")
        )
    };
    if let Some(spec) = &mut object.spec {
        spec.data_source.take_if(odd);
    }
}

/// Errors of a claim.
pub(super) fn claim(object: &PersistentVolumeClaim) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let path = Path::new("spec");
    let spec = object.spec.clone().unwrap_or_default();
    let modes = spec.access_modes.as_deref().unwrap_or_default();
    let at = path.child("accessModes");
    if modes.is_empty() {
        access_modes(e, &at, None, "at least 1 access mode is required");
    }
    if let Some(selector) = &spec.selector {
        e.extend(labels::validate(selector, &path.child("selector")));
    }
    mode_names(e, &at, modes);
    let at = path.child("resources").key("storage");
    match size(&spec) {
        None => e.push(Error::required(&at, "")),
        Some(amount) => amounts::positive(e, &at, amount),
    }
    class(
        e,
        &path.child("storageClassName"),
        spec.storage_class_name.as_ref(),
    );
    let mode = spec.volume_mode.as_deref();
    if let Some(mode) = mode.filter(|it| !VOLUME_MODES.contains(it)) {
        e.push(Error::not_supported(
            &path.child("volumeMode"),
            mode,
            VOLUME_MODES,
        ));
    }
    sources(e, &path, &spec);
    let at = path.child("volumeAttributesClassName");
    class(e, &at, spec.volume_attributes_class_name.as_ref());
    errors
}

fn size(spec: &PersistentVolumeClaimSpec) -> Option<&Wire> {
    spec.resources.as_ref()?.requests.as_ref()?.get("storage")
}

fn amount(wire: Option<&Wire>) -> Quantity {
    let amount = wire.and_then(|it| Quantity::from_wire(it).ok());
    amount.unwrap_or_default()
}

/// A source of data named twice is the same twice.
fn sources(e: &mut ErrorList, path: &Path, spec: &PersistentVolumeClaimSpec) {
    if let Some(it) = &spec.data_source {
        source(
            e,
            &path.child("dataSource"),
            it.api_group.as_ref(),
            &it.kind,
            &it.name,
        );
    }
    let Some(it) = &spec.data_source_ref else {
        return;
    };
    let at = path.child("dataSourceRef");
    source(e, &at, it.api_group.as_ref(), &it.kind, &it.name);
    let namespace = it.namespace.as_ref().filter(|it| !it.is_empty());
    if let Some(namespace) = namespace {
        let found = names::label_errors(namespace);
        check::messages(e, &at.child("namespace"), namespace, found);
    }
    let Some(local) = &spec.data_source else {
        return;
    };
    // Upstream shows the path as the value, which has no fields of its own.
    let shown = || json!({});
    if namespace.is_some() {
        let text = "may not be specified when dataSourceRef.namespace is specified";
        e.push(Error::invalid(path, shown(), text));
    } else if local.api_group != it.api_group || local.kind != it.kind || local.name != it.name {
        e.push(Error::invalid(path, shown(), "must match dataSourceRef"));
    }
}

fn source(e: &mut ErrorList, path: &Path, group: Option<&String>, kind: &str, name: &str) {
    check::required(e, &path.child("name"), Some(&name.to_owned()));
    check::required(e, &path.child("kind"), Some(&kind.to_owned()));
    match group.filter(|it| !it.is_empty()) {
        None if kind != CLAIM => {
            let text = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
            e.push(Error::invalid(path, kind, text));
        }
        None => {}
        Some(group) => {
            ratchet::late(e, "AllowInvalidAPIGroupInDataSourceOrRef", |e| {
                let found = names::subdomain_errors(group);
                check::messages(e, &path.child("apiGroup"), group, found);
            });
        }
    }
}

fn annotation(object: &PersistentVolumeClaim) -> Option<&String> {
    object.metadata.annotations.as_ref()?.get(CLASS)
}

/// Errors of a changed claim: it is bound once, and then only grows.
pub(super) fn update(new: &PersistentVolumeClaim, old: &PersistentVolumeClaim) -> ErrorList {
    let mut errors = claim(new);
    let mut before = old.clone();
    both_sources(&mut before);
    let (Some(spec), Some(old_spec)) = (&new.spec, &before.spec) else {
        return errors;
    };
    let annotated = annotation(old).filter(|it| {
        old_spec.storage_class_name.is_none()
            && spec.storage_class_name.as_ref() == Some(it)
            && annotation(new).is_none_or(|new| new == *it)
    });
    if annotated.is_none() && annotation(new) != annotation(old) {
        let path = Path::new("metadata").key(CLASS);
        let shown = annotation(new).cloned().unwrap_or_default();
        errors.push(Error::invalid(&path, shown, check::IMMUTABLE));
    }
    let after = allowed(new, old, spec, old_spec, annotated.is_some());
    if after != *old_spec {
        let changes = changes(after, old_spec.clone(), spec);
        errors.push(Error::forbidden(
            &Path::new("spec"),
            &format!("{FROZEN}\n{changes}"),
        ));
    }
    let (now, then) = (amount(size(spec)), amount(size(old_spec)));
    let status = old.status.as_ref().and_then(|it| it.capacity.as_ref());
    if now < then && now <= amount(status.and_then(|it| it.get("storage"))) {
        let path = Path::new("spec")
            .child("resources")
            .child("requests")
            .child("storage");
        errors.push(Error::forbidden(
            &path,
            "field can not be less than status.capacity",
        ));
    }
    let same = spec.volume_mode == old_spec.volume_mode;
    check::immutable(
        &mut errors,
        &Path::new("volumeMode"),
        same,
        json!(spec.volume_mode),
    );
    attributes_class(&mut errors, spec, old_spec);
    errors
}

/// The new spec with everything that may change put back.
fn allowed(
    new: &PersistentVolumeClaim,
    old: &PersistentVolumeClaim,
    spec: &PersistentVolumeClaimSpec,
    old_spec: &PersistentVolumeClaimSpec,
    annotated: bool,
) -> PersistentVolumeClaimSpec {
    let mut allowed = spec.clone();
    if old_spec.volume_name.as_ref().is_none_or(String::is_empty) {
        allowed.volume_name.clone_from(&old_spec.volume_name);
    }
    let unset = old_spec.storage_class_name.is_none() && spec.storage_class_name.is_some();
    let agrees = annotation(old).is_none_or(|it| spec.storage_class_name.as_ref() == Some(it));
    if annotated || unset && agrees {
        allowed.storage_class_name = None;
    }
    let phase = new.status.as_ref().and_then(|it| it.phase.as_deref());
    if phase == Some("Bound") {
        let requests = allowed
            .resources
            .as_mut()
            .and_then(|it| it.requests.as_mut());
        if let (Some(requests), Some(size)) = (requests, size(old_spec)) {
            requests.insert("storage".to_owned(), size.clone());
        }
        if allowed.volume_attributes_class_name.is_some() {
            let class = &old_spec.volume_attributes_class_name;
            allowed.volume_attributes_class_name.clone_from(class);
        }
    }
    allowed
}

/// What changed but may not. The volume that a claim is bound to is shown with both.
fn changes(
    mut after: PersistentVolumeClaimSpec,
    mut before: PersistentVolumeClaimSpec,
    new: &PersistentVolumeClaimSpec,
) -> String {
    if before.volume_name.as_ref().is_none_or(String::is_empty) {
        before.volume_name.clone_from(&new.volume_name);
        after.volume_name.clone_from(&new.volume_name);
    }
    let [before, after] = [before, after].map(|spec| PersistentVolumeClaim {
        spec: Some(spec),
        ..Default::default()
    });
    internal::difference("PersistentVolumeClaimSpec", &before, &after)
}

fn attributes_class(
    e: &mut ErrorList,
    spec: &PersistentVolumeClaimSpec,
    old: &PersistentVolumeClaimSpec,
) {
    let (new, old) = (
        &spec.volume_attributes_class_name,
        &old.volume_attributes_class_name,
    );
    if new == old || old.is_none() {
        return;
    }
    let to = match new.as_deref() {
        None => "nil",
        Some("") => "an empty string",
        Some(_) => return,
    };
    let path = Path::new("spec").child("volumeAttributesClassName");
    let text = format!("update from non-nil value to {to} is forbidden");
    e.push(Error::forbidden(&path, &text));
}

/// Errors of what is reported of a claim.
pub(super) fn status(object: &PersistentVolumeClaim) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let modes = object.spec.as_ref().and_then(|it| it.access_modes.as_ref());
    if modes.is_none_or(Vec::is_empty) {
        e.push(Error::required(&Path::new("Spec").child("accessModes"), ""));
    }
    let Some(status) = &object.status else {
        return errors;
    };
    let path = Path::new("status");
    for (name, amount) in status.capacity.iter().flatten() {
        amounts::basic(e, &path.child("capacity").key(name), amount);
    }
    let at = path.child("allocatedResourceStatus");
    for (name, state) in status.allocated_resource_statuses.iter().flatten() {
        resource(e, &at, name);
        if !RESIZES.contains(&state.as_str()) {
            e.push(Error::not_supported(&at, name, RESIZES));
        }
    }
    let at = path.child("allocatedResources");
    for (name, amount) in status.allocated_resources.iter().flatten() {
        if resource(e, &at, name) {
            amounts::basic(e, &at.key(name), amount);
        }
    }
    errors
}

/// Of the native resources, only storage can be claimed.
fn resource(e: &mut ErrorList, path: &Path, name: &str) -> bool {
    let found = names::qualified_name_errors(name);
    let sound = found.is_empty();
    check::messages(e, path, name, found);
    let known = name == "storage" || !amounts::is_native(name);
    if sound && !known {
        e.push(Error::not_supported(path, name, &["storage"]));
    }
    sound && known
}

/// What is deprecated or rounded in a claim.
pub(super) fn warnings(object: &PersistentVolumeClaim) -> Vec<String> {
    let mut warnings = Vec::new();
    if annotation(object).is_some() {
        warnings.push(format!("metadata.annotations[{CLASS}]: {OLD_CLASS}"));
    }
    let resources = object.spec.as_ref().and_then(|it| it.resources.as_ref());
    let Some(resources) = resources else {
        return warnings;
    };
    for (field, map) in [
        ("requests", &resources.requests),
        ("limits", &resources.limits),
    ] {
        let size = amount(map.as_ref().and_then(|it| it.get("storage")));
        if size.milli_value() % 1000 != 0 {
            let shown = size.to_string();
            warnings.push(format!("spec.resources.{field}[storage]: fractional byte value {shown:?} is invalid, must be an integer"));
        }
    }
    warnings
}
