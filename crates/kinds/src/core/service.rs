//! A stable name and address for a set of pods.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::core::v1 as upstream;

/// The law of Service.
pub(crate) struct Service;

impl Strategy for Service {
    type Object = upstream::Service;

    fn names(&self) -> Names {
        Names::namespaced("services", "service")
            .short(&["svc"])
            .categories(&["all"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[
                Subresource::connect("proxy", "ServiceProxyOptions", Subresource::PROXY_VERBS),
                Subresource::status("Service"),
            ]
        }
    }
}
