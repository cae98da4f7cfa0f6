//! Room left for volumes of a class in a segment.

use crate::{Names, Strategy};
use k8s_openapi::api::storage::v1 as upstream;

/// The law of CSIStorageCapacity.
pub(crate) struct CSIStorageCapacity;

impl Strategy for CSIStorageCapacity {
    type Object = upstream::CSIStorageCapacity;

    fn names(&self) -> Names {
        Names::namespaced("csistoragecapacities", "csistoragecapacity")
    }
}
