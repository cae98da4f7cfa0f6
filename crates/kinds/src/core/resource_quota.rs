//! Limits on what a namespace may use in sum.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::core::v1 as upstream;

/// The law of ResourceQuota.
pub(crate) struct ResourceQuota;

impl Strategy for ResourceQuota {
    type Object = upstream::ResourceQuota;

    fn names(&self) -> Names {
        Names::namespaced("resourcequotas", "resourcequota").short(&["quota"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("ResourceQuota")] }
    }
}
