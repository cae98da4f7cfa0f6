//! Declarative updates for stateless pods.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::apps::v1 as upstream;

/// The law of Deployment.
pub(crate) struct Deployment;

impl Strategy for Deployment {
    type Object = upstream::Deployment;

    fn names(&self) -> Names {
        Names::namespaced("deployments", "deployment")
            .short(&["deploy"])
            .categories(&["all"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::SCALE, Subresource::status("Deployment")] }
    }
}
