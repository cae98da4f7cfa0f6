//! `PersistentVolumeClaimResize`: a claim grows only when it is bound and its class allows it.

use super::{Admit, Claims, Operation, Review};
use k8s_openapi::api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};
use machinery::{
    quantity::{Quantity, amounts},
    status::Status,
    storage_classes,
};

pub(super) struct PersistentVolumeClaimResize;

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
        let class_of = |it| storage_classes::named_by(it).map_or_else(String::new, String::clone);
        let class = class_of(new);
        let allows = review
            .find::<StorageClass>("", &class)
            .is_some_and(|it| it.allow_volume_expansion == Some(true));
        if class != class_of(old) || !allows {
            return Err(review.forbidden(
                "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
            ));
        }
        Ok(())
    }
}
