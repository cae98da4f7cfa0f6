//! A pod: containers that share a network, run together on one node.

use crate::{Names, Strategy, Subresource, SubresourceKind};
use k8s_openapi::api::core::v1 as upstream;

/// The law of Pod.
pub(crate) struct Pod;

impl Strategy for Pod {
    type Object = upstream::Pod;

    fn names(&self) -> Names {
        Names::namespaced("pods", "pod")
            .short(&["po"])
            .categories(&["all"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[
                Subresource::connect("attach", "PodAttachOptions", &["create", "get"]),
                Subresource::action("binding", "Binding"),
                Subresource::part("ephemeralcontainers", "Pod", Subresource::PART_VERBS),
                Subresource {
                    group: "policy",
                    version: "v1",
                    serves: SubresourceKind::Eviction,
                    ..Subresource::action("eviction", "Eviction")
                },
                Subresource::connect("exec", "PodExecOptions", &["create", "get"]),
                Subresource::connect("log", "Pod", &["get"]),
                Subresource::connect("portforward", "PodPortForwardOptions", &["create", "get"]),
                Subresource::connect("proxy", "PodProxyOptions", Subresource::PROXY_VERBS),
                Subresource::part("resize", "Pod", Subresource::PART_VERBS),
                Subresource::status("Pod"),
            ]
        }
    }
}
