//! One pod on every matching node.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::apps::v1 as upstream;

/// The law of DaemonSet.
pub(crate) struct DaemonSet;

impl Strategy for DaemonSet {
    type Object = upstream::DaemonSet;

    fn names(&self) -> Names {
        Names::namespaced("daemonsets", "daemonset")
            .short(&["ds"])
            .categories(&["all"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("DaemonSet")] }
    }
}
