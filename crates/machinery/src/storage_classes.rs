//! What the door and the law ask of storage classes: which one a claim names, and which is the default.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;

/// How a claim or a volume named its class before there was a field for it; it still wins.
pub const ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
/// Annotations of the class for claims that name none; the second is from before the class was stable.
pub const DEFAULT: &[&str] = &[
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];

/// The class that a claim names; an empty name is that of no class.
#[must_use]
pub fn named_by(claim: &PersistentVolumeClaim) -> Option<&String> {
    let annotations = claim.metadata.annotations.as_ref();
    let field = || claim.spec.as_ref()?.storage_class_name.as_ref();
    annotations.and_then(|it| it.get(ANNOTATION)).or_else(field)
}
