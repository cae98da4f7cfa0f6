//! May I do that; answered by the door, never stored.

use crate::{Names, Strategy};
use k8s_openapi::api::authorization::v1 as upstream;

/// The law of SelfSubjectAccessReview.
pub(crate) struct SelfSubjectAccessReview;

impl Strategy for SelfSubjectAccessReview {
    type Object = upstream::SelfSubjectAccessReview;

    fn names(&self) -> Names {
        Names::cluster("selfsubjectaccessreviews", "selfsubjectaccessreview").verbs(&["create"])
    }
}
