//! Pods with stable names and storage, started in order.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::apps::v1 as upstream;

/// The law of StatefulSet.
pub(crate) struct StatefulSet;

impl Strategy for StatefulSet {
    type Object = upstream::StatefulSet;

    fn names(&self) -> Names {
        Names::namespaced("statefulsets", "statefulset")
            .short(&["sts"])
            .categories(&["all"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::SCALE, Subresource::status("StatefulSet")] }
    }
}
