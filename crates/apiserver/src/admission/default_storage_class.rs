//! `DefaultStorageClass`: a claim that names no class gets the default one, the newest if there are
//! several.

use super::{Admit, Review};
use k8s_openapi::api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};
use machinery::status::Status;

/// Its second name is from before the class was stable.
const DEFAULT: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];
const CLASS: &str = "volume.beta.kubernetes.io/storage-class";

pub(super) struct DefaultStorageClass;

impl Admit for DefaultStorageClass {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.creates("", "persistentvolumeclaims")
    }

    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        let default = review
            .list("storage.k8s.io", "storageclasses", "")
            .iter()
            .filter_map(|it| it.downcast_ref::<StorageClass>())
            .filter(|class| {
                let annotations = class.metadata.annotations.as_ref();
                DEFAULT.iter().any(|key| {
                    annotations
                        .and_then(|it| it.get(*key))
                        .is_some_and(|value| value == "true")
                })
            })
            .max_by_key(|class| {
                (
                    class.metadata.creation_timestamp.clone(),
                    std::cmp::Reverse(class.metadata.name.clone()),
                )
            })
            .and_then(|class| class.metadata.name.clone());
        let Some(claim) = review.wished::<PersistentVolumeClaim>() else {
            return Ok(());
        };
        let annotations = claim.metadata.annotations.as_ref();
        let annotated = annotations.is_some_and(|it| it.contains_key(CLASS));
        let spec = claim.spec.get_or_insert_default();
        if spec.storage_class_name.is_none() && !annotated {
            spec.storage_class_name = default;
        }
        Ok(())
    }
}
