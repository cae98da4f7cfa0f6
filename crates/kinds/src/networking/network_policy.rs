//! Which traffic pods may receive and send.

use crate::{Names, Strategy};
use k8s_openapi::api::networking::v1 as upstream;

/// The law of NetworkPolicy.
pub(crate) struct NetworkPolicy;

impl Strategy for NetworkPolicy {
    type Object = upstream::NetworkPolicy;

    fn names(&self) -> Names {
        Names::namespaced("networkpolicies", "networkpolicy").short(&["netpol"])
    }
}
