//! `DefaultStorageClass`: a claim that names no class gets the default one, the newest if there are
//! several.

use super::{Admit, Review};
use k8s_openapi::api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};
use machinery::{status::Status, storage_classes};

pub(super) struct DefaultStorageClass;

impl Admit for DefaultStorageClass {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.creates("", "persistentvolumeclaims")
    }

    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        if review
            .wished::<PersistentVolumeClaim>()
            .is_none_or(|it| storage_classes::named_by(it).is_some())
        {
            return Ok(());
        }
        let default = review.default_class::<StorageClass>(storage_classes::DEFAULT);
        if let Some(claim) = review.wished::<PersistentVolumeClaim>() {
            claim.spec.get_or_insert_default().storage_class_name = default;
        }
        Ok(())
    }
}
