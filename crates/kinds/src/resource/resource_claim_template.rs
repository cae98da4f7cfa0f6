//! A template for the claims of pods.

use super::resource_claim::{spec_defaults, validate};
use crate::{Names, Strategy, check};
use k8s_openapi::api::resource::v1 as upstream;
use machinery::{
    field::{ErrorList, Path},
    metadata,
};

/// The law of ResourceClaimTemplate.
pub(crate) struct ResourceClaimTemplate;

impl Strategy for ResourceClaimTemplate {
    type Object = upstream::ResourceClaimTemplate;

    fn names(&self) -> Names {
        Names::namespaced("resourceclaimtemplates", "resourceclaimtemplate")
    }

    fn default(&self, object: &mut upstream::ResourceClaimTemplate) {
        spec_defaults(&mut object.spec.spec);
    }

    fn validate(&self, object: &upstream::ResourceClaimTemplate) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec");
        if let Some(it) = &object.spec.metadata {
            metadata::validate_template(it, &path.child("metadata"), &mut errors);
        }
        validate::spec(&mut errors, &path.child("spec"), &object.spec.spec);
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::ResourceClaimTemplate,
        old: &upstream::ResourceClaimTemplate,
    ) -> ErrorList {
        check::same_spec(new, new.spec == old.spec)
    }
}
