//! What is asked by creating an object that is not kept: may I, may they, what may I, who am I, who is this.
//! Upstream: the `REST` storages of the `authorization.k8s.io` and `authentication.k8s.io` reviews.

use k8s_openapi::api::authorization::v1::{NonResourceAttributes, ResourceAttributes};
use std::collections::BTreeMap;

/// A question to the door.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// May somebody do this?
    Access {
        /// Who; none is who asks.
        subject: Option<Box<Subject>>,
        /// What.
        action: Action,
    },
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

/// Somebody who is asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The user's name.
    pub user: String,
    /// The user's UID.
    pub uid: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// Further facts.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// To an object, or to some.
    Resource(Box<ResourceAttributes>),
    /// To a path.
    Path(NonResourceAttributes),
}
