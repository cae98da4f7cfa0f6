//! A kind defined by its users.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as upstream;

/// The law of CustomResourceDefinition.
pub(crate) struct CustomResourceDefinition;

impl Strategy for CustomResourceDefinition {
    type Object = upstream::CustomResourceDefinition;

    fn names(&self) -> Names {
        Names::cluster("customresourcedefinitions", "customresourcedefinition")
            .short(&["crd", "crds"])
            .categories(&["api-extensions"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("CustomResourceDefinition")] }
    }
}
