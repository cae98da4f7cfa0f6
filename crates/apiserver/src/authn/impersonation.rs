//! Acting as somebody else: `Impersonate-User` and its siblings, for those who may.

use crate::{
    Door, User,
    authz::{Attributes, Decision},
};
use http::{HeaderMap, HeaderValue};
use machinery::status::Status;

const PREFIX: &str = "impersonate-";
const EXTRA: &str = "impersonate-extra-";

/// The user whom the request wants to act as; the real one when it names none.
///
/// # Errors
/// 403 when the real user may not act as that one, 400 when groups are named without a user.
pub(crate) fn impersonated(door: &Door, real: User, headers: &HeaderMap) -> Result<User, Status> {
    if !headers.keys().any(|name| name.as_str().starts_with(PREFIX)) {
        return Ok(real);
    }
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let name = headers
        .get("impersonate-user")
        .map(text)
        .unwrap_or_default();
    if name.is_empty() {
        return Err(Status::bad_request(
            "requested impersonation without impersonating a user",
        ));
    }
    may(door, &real, "", "users", "", &name)?;
    let groups: Vec<String> = headers
        .get_all("impersonate-group")
        .iter()
        .map(text)
        .collect();
    for group in &groups {
        may(door, &real, "", "groups", "", group)?;
    }
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let mut user = User::new(&name, &groups);
    if let Some(uid) = headers.get("impersonate-uid").map(text) {
        may(door, &real, "authentication.k8s.io", "uids", "", &uid)?;
        user.uid = uid;
    }
    for (header, value) in headers {
        if let Some(key) = header.as_str().strip_prefix(EXTRA) {
            let (key, value) = (machinery::percent::decode(key), text(value));
            may(
                door,
                &real,
                "authentication.k8s.io",
                "userextras",
                &key,
                &value,
            )?;
            user.extra.entry(key).or_default().push(value);
        }
    }
    Ok(user)
}

fn may(
    door: &Door,
    real: &User,
    group: &str,
    resource: &str,
    subresource: &str,
    name: &str,
) -> Result<(), Status> {
    let attributes = Attributes {
        user: real,
        verb: "impersonate",
        group,
        version: "v1",
        resource,
        subresource,
        namespace: "",
        name,
        path: "",
    };
    match door.config.authorizer.authorize(door, &attributes) {
        Decision::Allow => Ok(()),
        Decision::Deny(because) | Decision::NoOpinion(because) => {
            Err(attributes.forbidden(&because))
        }
    }
}
