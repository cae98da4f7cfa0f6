//! May this user do that here; answered by the door, never stored.

use crate::{Names, Strategy};
use k8s_openapi::api::authorization::v1 as upstream;

/// The law of LocalSubjectAccessReview.
pub(crate) struct LocalSubjectAccessReview;

impl Strategy for LocalSubjectAccessReview {
    type Object = upstream::LocalSubjectAccessReview;

    fn names(&self) -> Names {
        Names::namespaced("localsubjectaccessreviews", "localsubjectaccessreview")
            .verbs(&["create"])
    }
}
