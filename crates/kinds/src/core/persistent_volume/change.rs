//! Changes of persistent volumes, their errors, and warnings: upstream's `ValidatePersistentVolumeUpdate`
//! and `GetWarningsForPersistentVolume`.

use crate::{check, internal, node_labels};
use k8s_openapi::api::core::v1::{NodeSelector, PersistentVolume, PersistentVolumeSpec};
use machinery::field::{Error, ErrorList, Path};
use serde_json::json;

/// The annotation that named a class before the field did.
pub(in crate::core) use machinery::storage_classes::ANNOTATION as CLASS;
/// What upstream says of it.
pub(in crate::core) const OLD_CLASS: &str =
    "deprecated since v1.8; use \"storageClassName\" attribute instead";

/// Errors of a changed volume: its source and mode stay, its affinity but for old labels.
pub(super) fn errors(new: &PersistentVolumeSpec, old: &PersistentVolumeSpec) -> ErrorList {
    let mut errors = ErrorList::new();
    if source(new, old) != source(old, old) {
        let path = Path::new("spec").child("persistentvolumesource");
        let [before, after] = [source(old, old), source(new, old)].map(|spec| PersistentVolume {
            spec: Some(spec),
            ..Default::default()
        });
        let changes = internal::difference("PersistentVolumeSource", &before, &after);
        let text = format!("spec.persistentvolumesource is immutable after creation\n{changes}");
        errors.push(Error::forbidden(&path, &text));
    }
    let same = new.volume_mode == old.volume_mode;
    check::immutable(
        &mut errors,
        &Path::new("volumeMode"),
        same,
        json!(new.volume_mode),
    );
    if let Some(before) = &old.node_affinity {
        let required = new
            .node_affinity
            .as_ref()
            .and_then(|it| it.required.clone());
        if required != before.required && required != before.required.clone().map(stable) {
            let text = "field is immutable, except for updating from beta label to GA";
            let shown = json!({});
            errors.push(Error::invalid(&Path::new("nodeAffinity"), shown, text));
        }
    }
    if old.volume_attributes_class_name.is_some() && new.volume_attributes_class_name.is_none() {
        let path = Path::new("spec").child("volumeAttributesClassName");
        errors.push(Error::forbidden(
            &path,
            "update from non-nil value to nil is forbidden",
        ));
    }
    errors
}

/// The part of a volume that says where its storage is. A secret for growing may be added later.
fn source(spec: &PersistentVolumeSpec, old: &PersistentVolumeSpec) -> PersistentVolumeSpec {
    let mut source = PersistentVolumeSpec {
        access_modes: None,
        capacity: None,
        claim_ref: None,
        mount_options: None,
        node_affinity: None,
        persistent_volume_reclaim_policy: None,
        storage_class_name: None,
        volume_attributes_class_name: None,
        volume_mode: None,
        ..spec.clone()
    };
    let had = old
        .csi
        .as_ref()
        .is_some_and(|it| it.controller_expand_secret_ref.is_some());
    if let Some(csi) = source.csi.as_mut().filter(|_| !had) {
        csi.controller_expand_secret_ref = None;
    }
    source
}

/// The selector with today's names of labels.
fn stable(mut selector: NodeSelector) -> NodeSelector {
    let terms = selector.node_selector_terms.iter_mut();
    for it in terms.flat_map(|it| it.match_expressions.iter_mut().flatten()) {
        let label = node_labels::STABLE.iter().find(|label| label.0 == it.key);
        if let Some(label) = label {
            label.1.clone_into(&mut it.key);
        }
    }
    selector
}

/// What is deprecated in a volume.
pub(super) fn warnings(object: &PersistentVolume) -> Vec<String> {
    let mut warnings = Vec::new();
    let annotations = object.metadata.annotations.as_ref();
    if annotations.is_some_and(|it| it.contains_key(CLASS)) {
        warnings.push(format!("metadata.annotations[{CLASS}]: {OLD_CLASS}"));
    }
    let Some(spec) = &object.spec else {
        return warnings;
    };
    if spec.persistent_volume_reclaim_policy.as_deref() == Some("Recycle") {
        warnings.push("spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.".to_owned());
    }
    let required = spec
        .node_affinity
        .as_ref()
        .and_then(|it| it.required.as_ref());
    let terms = required.into_iter().flat_map(|it| &it.node_selector_terms);
    for (index, term) in terms.enumerate() {
        let path = Path::new("spec.nodeAffinity.required.nodeSelectorTerms").index(index);
        warnings.extend(node_labels::of_term(&path, term));
    }
    for (field, set, since, gone) in [
        ("cephfs", spec.cephfs.is_some(), "1.28", "1.31"),
        (
            "photonPersistentDisk",
            spec.photon_persistent_disk.is_some(),
            "1.11",
            "1.16",
        ),
        ("scaleIO", spec.scale_io.is_some(), "1.16", "1.22"),
        ("storageOS", spec.storageos.is_some(), "1.22", "1.25"),
        ("glusterfs", spec.glusterfs.is_some(), "1.25", "1.26"),
        ("rbd", spec.rbd.is_some(), "1.28", "1.31"),
    ] {
        if set {
            warnings.push(format!(
                "spec.{field}: deprecated in v{since}, non-functional in v{gone}+"
            ));
        }
    }
    warnings
}
