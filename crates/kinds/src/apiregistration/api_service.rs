//! A group and version, and who serves it.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1 as upstream;

/// The law of APIService.
pub(crate) struct APIService;

impl Strategy for APIService {
    type Object = upstream::APIService;

    fn names(&self) -> Names {
        Names::cluster("apiservices", "apiservice").categories(&["api-extensions"])
    }

    crate::prepare::spec_and_status!();

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("APIService")] }
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}
