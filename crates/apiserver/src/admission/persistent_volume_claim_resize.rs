//! `PersistentVolumeClaimResize`: a claim grows only when it is bound and its class allows it.

use super::{Admit, Claims, Operation, Review};
use k8s_openapi::api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};
use machinery::{
    quantity::{Quantity, amounts},
    status::Status,
};

/// How a class was named before there was a field for it; it still wins.
const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

pub(super) struct PersistentVolumeClaimResize;

/// The class that a claim names, or empty.
pub(super) fn class_of(claim: &PersistentVolumeClaim) -> String {
    let annotations = claim.metadata.annotations.as_ref();
    let old = annotations.and_then(|it| it.get(CLASS)).cloned();
    let spec = claim.spec.as_ref();
    old.or_else(|| spec.and_then(|it| it.storage_class_name.clone()))
        .unwrap_or_default()
}

fn size(claim: &PersistentVolumeClaim) -> Quantity {
    let resources = claim.spec.as_ref().and_then(|it| it.resources.as_ref());
    amounts(resources.and_then(|it| it.requests.as_ref()))
        .get("storage")
        .copied()
        .unwrap_or(Quantity::ZERO)
}

impl Admit for PersistentVolumeClaimResize {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.operation == Operation::Update
            && review.subresource.is_empty()
            && review.is("", "persistentvolumeclaims")
    }

    fn judge(&self, review: &Review<'_>, _: &mut Claims) -> Result<(), Status> {
        let (Some(old), Some(new)) = (
            review.before::<PersistentVolumeClaim>(),
            review.after::<PersistentVolumeClaim>(),
        ) else {
            return Ok(());
        };
        if size(new) <= size(old) {
            return Ok(());
        }
        let phase = old.status.as_ref().and_then(|it| it.phase.as_deref());
        if phase != Some("Bound") {
            return Err(review.forbidden("Only bound persistent volume claims can be expanded"));
        }
        let class = class_of(new);
        let found = review.get("storage.k8s.io", "storageclasses", "", &class);
        let allows = found
            .as_deref()
            .and_then(|it| it.downcast_ref::<StorageClass>())
            .is_some_and(|it| it.allow_volume_expansion == Some(true));
        if class != class_of(old) || !allows {
            return Err(review.forbidden(
                "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
            ));
        }
        Ok(())
    }
}
