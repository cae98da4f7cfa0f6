//! What several components ask of an EndpointSlice: whose it is. Upstream: `discovery/v1/well_known_labels.go`.

use k8s_openapi::api::discovery::v1::EndpointSlice;

/// The label that names the Service a slice belongs to.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// The label that names who keeps a slice.
pub const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

/// Namespace and name of the Service the slice belongs to, if it says so.
#[must_use]
pub fn service_of(slice: &EndpointSlice) -> Option<(&str, &str)> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    let namespace = slice.metadata.namespace.as_deref().unwrap_or_default();
    Some((namespace, name))
}
