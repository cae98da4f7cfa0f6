//! Who may do what. The door asks one authorizer; `Standing` knows those who may do everything and
//! what everybody may ask about themselves.

mod always;
mod standing;

pub use always::{AlwaysAllow, AlwaysDeny};
pub use standing::Standing;

use crate::{Door, User, route::Route};
use machinery::status::{Resource, Status};

/// What a request wants to do.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    /// Who.
    pub user: &'a User,
    /// `get`, `list`, `create` …
    pub verb: &'a str,
    /// API group.
    pub group: &'a str,
    /// API version.
    pub version: &'a str,
    /// Resource (plural); empty for paths that are no resources.
    pub resource: &'a str,
    /// Subresource.
    pub subresource: &'a str,
    /// Namespace; empty for all, or for resources outside namespaces.
    pub namespace: &'a str,
    /// Object name.
    pub name: &'a str,
    /// The path, when it is no resource.
    pub path: &'a str,
}

/// An authorizer's answer; reasons may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allowed.
    Allow,
    /// Refused, whatever others say.
    Deny(String),
    /// Not allowed by this authorizer.
    NoOpinion(String),
}

/// Decides.
pub trait Authorize: Send + Sync {
    /// Whether `attributes` may happen. Reads what it needs through the door's cache.
    fn authorize(&self, door: &Door, attributes: &Attributes<'_>) -> Decision;
}

impl<'a> Attributes<'a> {
    pub(crate) fn of(user: &'a User, route: &'a Route) -> Self {
        let target = route.target.as_ref();
        Self {
            user,
            verb: route.verb,
            group: target.map_or("", |it| &it.group),
            version: target.map_or("", |it| &it.version),
            resource: target.map_or("", |it| &it.plural),
            subresource: target.map_or("", |it| &it.subresource),
            namespace: target.map_or("", |it| &it.namespace),
            name: target.map_or("", |it| &it.name),
            path: if target.is_none() { &route.path } else { "" },
        }
    }

    /// 403 with upstream's sentence.
    pub(crate) fn forbidden(&self, because: &str) -> Status {
        let user = &self.user.name;
        let because = if because.is_empty() {
            String::new()
        } else {
            format!(": {because}")
        };
        if self.resource.is_empty() {
            return Status::failure(
                403,
                "Forbidden",
                format!(
                    "forbidden: User {user:?} cannot {} path {:?}{because}",
                    self.verb, self.path
                ),
            );
        }
        let resource = if self.subresource.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        };
        let place = if self.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {:?}", self.namespace)
        };
        let named = Resource {
            group: self.group,
            plural: self.resource,
        };
        let text = format!(
            "User {user:?} cannot {} resource {resource:?} in API group {:?} {place}{because}",
            self.verb, self.group
        );
        Status::forbidden(named, self.name, &text)
    }
}
