//! A machine that runs pods.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::core::v1 as upstream;

/// The law of Node.
pub(crate) struct Node;

impl Strategy for Node {
    type Object = upstream::Node;

    fn names(&self) -> Names {
        Names::cluster("nodes", "node").short(&["no"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[
                Subresource::connect("proxy", "NodeProxyOptions", Subresource::PROXY_VERBS),
                Subresource::status("Node"),
            ]
        }
    }
}
