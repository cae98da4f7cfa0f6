//! A part of the addresses behind a service.

use crate::{Names, Strategy};
use k8s_openapi::api::discovery::v1 as upstream;

/// The law of EndpointSlice.
pub(crate) struct EndpointSlice;

impl Strategy for EndpointSlice {
    type Object = upstream::EndpointSlice;

    fn names(&self) -> Names {
        Names::namespaced("endpointslices", "endpointslice")
    }
}
