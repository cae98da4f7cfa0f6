//! `DefaultStorageClass`: a claim that names no class gets the default one, the newest if there are
//! several.

use super::{Admit, Review};
use k8s_openapi::api::{core::v1::PersistentVolumeClaim, storage::v1::StorageClass};
use machinery::status::Status;

const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

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
                annotations
                    .and_then(|it| it.get(DEFAULT))
                    .is_some_and(|value| value == "true")
            })
            .max_by_key(|class| {
                (
                    class.metadata.creation_timestamp.clone(),
                    std::cmp::Reverse(class.metadata.name.clone()),
                )
            })
            .and_then(|class| class.metadata.name.clone());
        let spec = review
            .wished::<PersistentVolumeClaim>()
            .and_then(|claim| claim.spec.as_mut());
        if let (Some(name), Some(spec)) = (default, spec)
            && spec.storage_class_name.is_none()
        {
            spec.storage_class_name = Some(name);
        }
        Ok(())
    }
}
