//! Finalizers by name: what keeps an object until somebody is done with it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Whether the finalizer keeps the object.
pub(crate) fn has(metadata: &ObjectMeta, finalizer: &str) -> bool {
    metadata
        .finalizers
        .iter()
        .flatten()
        .any(|it| it == finalizer)
}

/// Puts the finalizer on, once.
pub(crate) fn add(metadata: &mut ObjectMeta, finalizer: &str) {
    if !has(metadata, finalizer) {
        let all = metadata.finalizers.get_or_insert_default();
        all.push(finalizer.to_owned());
    }
}

/// Takes the finalizer off.
pub(crate) fn remove(metadata: &mut ObjectMeta, finalizer: &str) {
    if let Some(all) = &mut metadata.finalizers {
        all.retain(|it| it != finalizer);
    }
}
