//! May this user do that; answered by the door, never stored.

use crate::{Names, Strategy};
use k8s_openapi::api::authorization::v1 as upstream;

/// The law of SubjectAccessReview.
pub(crate) struct SubjectAccessReview;

impl Strategy for SubjectAccessReview {
    type Object = upstream::SubjectAccessReview;

    fn names(&self) -> Names {
        Names::cluster("subjectaccessreviews", "subjectaccessreview").verbs(&["create"])
    }
}
