//! A range from which service addresses are taken.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::networking::v1 as upstream;

/// The law of ServiceCIDR.
pub(crate) struct ServiceCIDR;

impl Strategy for ServiceCIDR {
    type Object = upstream::ServiceCIDR;

    fn names(&self) -> Names {
        Names::cluster("servicecidrs", "servicecidr")
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("ServiceCIDR")] }
    }
}
