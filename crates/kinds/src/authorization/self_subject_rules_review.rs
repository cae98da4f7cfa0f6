//! What may I do; answered by the door, never stored.

use crate::{Names, Question, Strategy};
use k8s_openapi::api::authorization::v1 as upstream;
use machinery::status::Status;

/// The law of SelfSubjectRulesReview.
pub(crate) struct SelfSubjectRulesReview;

impl Strategy for SelfSubjectRulesReview {
    type Object = upstream::SelfSubjectRulesReview;

    fn names(&self) -> Names {
        Names::cluster("selfsubjectrulesreviews", "selfsubjectrulesreview").verbs(&["create"])
    }

    fn question(
        &self,
        object: &upstream::SelfSubjectRulesReview,
    ) -> Option<Result<Question, Status>> {
        let namespace = object.spec.namespace.clone().unwrap_or_default();
        Some(match namespace.is_empty() {
            true => Err(Status::bad_request("no namespace on request")),
            false => Ok(Question::Rules { namespace }),
        })
    }
}
