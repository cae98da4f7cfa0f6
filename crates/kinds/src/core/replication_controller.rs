//! Keeps a number of pods running; the ancestor of ReplicaSet.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::core::v1 as upstream;

/// The law of ReplicationController.
pub(crate) struct ReplicationController;

impl Strategy for ReplicationController {
    type Object = upstream::ReplicationController;

    fn names(&self) -> Names {
        Names::namespaced("replicationcontrollers", "replicationcontroller")
            .short(&["rc"])
            .categories(&["all"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[
                Subresource::SCALE,
                Subresource::status("ReplicationController"),
            ]
        }
    }
}
