//! A template for the claims of pods.

use crate::{Names, Strategy};
use k8s_openapi::api::resource::v1 as upstream;

/// The law of ResourceClaimTemplate.
pub(crate) struct ResourceClaimTemplate;

impl Strategy for ResourceClaimTemplate {
    type Object = upstream::ResourceClaimTemplate;

    fn names(&self) -> Names {
        Names::namespaced("resourceclaimtemplates", "resourceclaimtemplate")
    }
}
