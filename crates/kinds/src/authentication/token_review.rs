//! Whose token is this; answered by the door, never stored.

use crate::{Names, Strategy};
use k8s_openapi::api::authentication::v1 as upstream;

/// The law of TokenReview.
pub(crate) struct TokenReview;

impl Strategy for TokenReview {
    type Object = upstream::TokenReview;

    fn names(&self) -> Names {
        Names::cluster("tokenreviews", "tokenreview").verbs(&["create"])
    }
}
