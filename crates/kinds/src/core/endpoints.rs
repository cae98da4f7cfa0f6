//! Addresses behind a service in the old form; EndpointSlice replaces it.

use crate::{Names, Strategy};
use k8s_openapi::api::core::v1 as upstream;

/// The law of Endpoints.
pub(crate) struct Endpoints;

impl Strategy for Endpoints {
    type Object = upstream::Endpoints;

    fn names(&self) -> Names {
        Names::namespaced("endpoints", "endpoints").short(&["ep"])
    }
}
