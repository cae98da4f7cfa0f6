//! A request for devices.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::resource::v1 as upstream;

/// The law of ResourceClaim.
pub(crate) struct ResourceClaim;

impl Strategy for ResourceClaim {
    type Object = upstream::ResourceClaim;

    fn names(&self) -> Names {
        Names::namespaced("resourceclaims", "resourceclaim")
    }

    crate::prepare::spec_and_status!();

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("ResourceClaim")] }
    }
}
