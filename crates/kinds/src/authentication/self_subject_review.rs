//! Who am I; answered by the door, never stored.

use crate::{Names, Question, Strategy};
use k8s_openapi::api::authentication::v1 as upstream;
use machinery::status::Status;

/// The law of SelfSubjectReview.
pub(crate) struct SelfSubjectReview;

impl Strategy for SelfSubjectReview {
    type Object = upstream::SelfSubjectReview;

    fn names(&self) -> Names {
        Names::cluster("selfsubjectreviews", "selfsubjectreview").verbs(&["create"])
    }

    fn question(&self, _: &upstream::SelfSubjectReview) -> Option<Result<Question, Status>> {
        Some(Ok(Question::Asker))
    }
}
