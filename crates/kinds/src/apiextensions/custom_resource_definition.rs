//! A kind defined by its users.

use crate::{Cell, Column, Names, Strategy, Subresource, columns};
use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as upstream;
use machinery::apply::Resets;

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
        const {
            &[
                Subresource::status("CustomResourceDefinition")
                    .resetting(Resets::SPEC_AND_METADATA),
            ]
        }
    }

    crate::prepare::spec_and_status!();

    fn unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        const { &[Column::NAME, Column::CREATED_AT] }
    }

    fn row(&self, object: &upstream::CustomResourceDefinition, _: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            columns::created_at(&object.metadata),
        ]
    }
}
