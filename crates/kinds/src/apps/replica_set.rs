//! Keeps a number of equal pods running.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::apps::v1 as upstream;

/// The law of ReplicaSet.
pub(crate) struct ReplicaSet;

impl Strategy for ReplicaSet {
    type Object = upstream::ReplicaSet;

    fn names(&self) -> Names {
        Names::namespaced("replicasets", "replicaset")
            .short(&["rs"])
            .categories(&["all"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::SCALE, Subresource::status("ReplicaSet")] }
    }
}
