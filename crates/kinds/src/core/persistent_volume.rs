//! A piece of storage in the cluster.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::core::v1 as upstream;

/// The law of PersistentVolume.
pub(crate) struct PersistentVolume;

impl Strategy for PersistentVolume {
    type Object = upstream::PersistentVolume;

    fn names(&self) -> Names {
        Names::cluster("persistentvolumes", "persistentvolume").short(&["pv"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("PersistentVolume")] }
    }
}
