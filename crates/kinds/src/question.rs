//! What is asked by creating an object that is not kept: may I, may they, what may I, who am I, who is this.
//! Upstream: the `REST` storages of the `authorization.k8s.io` and `authentication.k8s.io` reviews.

use k8s_openapi::api::authorization::v1::{SelfSubjectAccessReviewSpec, SubjectAccessReviewSpec};

/// A question to the door.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// May somebody do this?
    Access(Box<SubjectAccessReviewSpec>),
    /// May who asks do this?
    OwnAccess(Box<SelfSubjectAccessReviewSpec>),
    /// What may who asks do in this namespace?
    Rules {
        /// Its name.
        namespace: String,
    },
    /// Who is it that asks?
    Asker,
    /// Whom does this token stand for?
    Token {
        /// The token.
        token: String,
        /// Whom it should be for; empty for the door itself.
        audiences: Vec<String>,
    },
}
