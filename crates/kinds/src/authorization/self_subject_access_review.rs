//! May I do that; answered by the door, never stored.

use super::access;
use crate::{Names, Question, Strategy};
use k8s_openapi::api::authorization::v1 as upstream;
use machinery::{field::ErrorList, status::Status};

/// The law of SelfSubjectAccessReview.
pub(crate) struct SelfSubjectAccessReview;

impl Strategy for SelfSubjectAccessReview {
    type Object = upstream::SelfSubjectAccessReview;

    fn names(&self) -> Names {
        Names::cluster("selfsubjectaccessreviews", "selfsubjectaccessreview").verbs(&["create"])
    }

    fn validate(&self, object: &upstream::SelfSubjectAccessReview) -> ErrorList {
        let mut errors = ErrorList::new();
        let spec = &object.spec;
        let resource = spec.resource_attributes.as_ref();
        access::one_of(&mut errors, resource, spec.non_resource_attributes.as_ref());
        access::selectors(&mut errors, resource);
        access::metadata(&mut errors, &object.metadata, false);
        errors
    }

    fn question(
        &self,
        object: &upstream::SelfSubjectAccessReview,
    ) -> Option<Result<Question, Status>> {
        Some(Ok(Question::OwnAccess(object.spec.clone().into())))
    }
}
