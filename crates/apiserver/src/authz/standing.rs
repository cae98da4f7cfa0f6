//! Those who may do everything, and what everybody may do. Roles are another authorizer, asked after
//! this one.

use super::{Attributes, Authorize, Decision};
use crate::{Door, User};
use std::sync::Arc;

/// `system:masters` and Sampan's own components may do everything; whoever is authenticated may ask
/// about themselves and read discovery; everybody may read health.
#[derive(Default)]
pub struct Standing {
    /// Names of trusted components, such as `system:kube-scheduler`.
    pub components: Vec<String>,
    /// Asked about everything else.
    pub next: Option<Arc<dyn Authorize>>,
}

/// Groups whose creation asks only about the caller.
const SELF_REVIEWS: &[(&str, &str)] = &[
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
    ("authentication.k8s.io", "selfsubjectreviews"),
];

impl Authorize for Standing {
    fn authorize(&self, door: &Door, attributes: &Attributes<'_>) -> Decision {
        let user = attributes.user;
        let trusted = user.is_in(User::MASTERS)
            || self.components.contains(&user.name)
            || (user.name.starts_with("system:node:") && user.is_in("system:nodes"));
        if trusted || is_open(attributes) {
            return Decision::Allow;
        }
        match &self.next {
            Some(next) => next.authorize(door, attributes),
            None => Decision::NoOpinion(String::new()),
        }
    }
}

fn is_open(attributes: &Attributes<'_>) -> bool {
    if attributes.resource.is_empty() {
        let public = crate::health::is_public(attributes.path);
        return public
            || (attributes.user.is_in(User::AUTHENTICATED) && is_discovery(attributes.path));
    }
    attributes.user.is_in(User::AUTHENTICATED)
        && attributes.verb == "create"
        && SELF_REVIEWS.contains(&(attributes.group, attributes.resource))
}

fn is_discovery(path: &str) -> bool {
    [
        "/api",
        "/apis",
        "/openapi",
        "/version",
        "/.well-known",
        "/openid",
    ]
    .iter()
    .any(|root| {
        path == *root
            || path
                .strip_prefix(root)
                .is_some_and(|rest| rest.starts_with('/'))
    })
}
