//! A request for storage.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::core::v1 as upstream;

/// The law of PersistentVolumeClaim.
pub(crate) struct PersistentVolumeClaim;

impl Strategy for PersistentVolumeClaim {
    type Object = upstream::PersistentVolumeClaim;

    fn names(&self) -> Names {
        Names::namespaced("persistentvolumeclaims", "persistentvolumeclaim").short(&["pvc"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("PersistentVolumeClaim")] }
    }
}
