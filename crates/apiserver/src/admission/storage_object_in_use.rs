//! `StorageObjectInUseProtection`: volumes and claims get the finalizer that keeps them while they
//! are used.

use super::{Admit, Review};
use machinery::status::Status;

pub(super) struct StorageObjectInUseProtection;

fn finalizer(review: &Review<'_>) -> Option<&'static str> {
    if review.creates("", "persistentvolumeclaims") {
        Some("kubernetes.io/pvc-protection")
    } else if review.creates("", "persistentvolumes") {
        Some("kubernetes.io/pv-protection")
    } else {
        None
    }
}

impl Admit for StorageObjectInUseProtection {
    fn handles(&self, review: &Review<'_>) -> bool {
        finalizer(review).is_some()
    }

    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        if let (Some(wanted), Some(object)) = (finalizer(review), review.object.as_deref_mut()) {
            let own = object.metadata_mut().finalizers.get_or_insert_default();
            if !own.iter().any(|it| it == wanted) {
                own.push(wanted.to_owned());
            }
        }
        Ok(())
    }
}
