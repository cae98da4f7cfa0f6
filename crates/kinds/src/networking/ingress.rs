//! HTTP routes from outside to services.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::networking::v1 as upstream;

/// The law of Ingress.
pub(crate) struct Ingress;

impl Strategy for Ingress {
    type Object = upstream::Ingress;

    fn names(&self) -> Names {
        Names::namespaced("ingresses", "ingress").short(&["ing"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("Ingress")] }
    }
}
