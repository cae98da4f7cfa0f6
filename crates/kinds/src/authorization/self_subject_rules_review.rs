//! What may I do; answered by the door, never stored.

use crate::{Names, Strategy};
use k8s_openapi::api::authorization::v1 as upstream;

/// The law of SelfSubjectRulesReview.
pub(crate) struct SelfSubjectRulesReview;

impl Strategy for SelfSubjectRulesReview {
    type Object = upstream::SelfSubjectRulesReview;

    fn names(&self) -> Names {
        Names::cluster("selfsubjectrulesreviews", "selfsubjectrulesreview").verbs(&["create"])
    }
}
