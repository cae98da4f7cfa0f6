//! Whose token is this; answered by the door, never stored.

use crate::{Names, Question, Strategy};
use k8s_openapi::api::authentication::v1 as upstream;
use machinery::status::Status;

/// The law of TokenReview.
pub(crate) struct TokenReview;

impl Strategy for TokenReview {
    type Object = upstream::TokenReview;

    fn names(&self) -> Names {
        Names::cluster("tokenreviews", "tokenreview").verbs(&["create"])
    }

    fn question(&self, object: &upstream::TokenReview) -> Option<Result<Question, Status>> {
        let token = object.spec.token.clone();
        if token.is_empty() {
            let text = "token is required for TokenReview in authentication";
            return Some(Err(Status::bad_request(text)));
        }
        let audiences = object.spec.audiences.clone().unwrap_or_default();
        Some(Ok(Question::Token { token, audiences }))
    }
}
