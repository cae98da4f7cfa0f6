//! The one error that crosses the door: upstream's `metav1.Status` with the texts of
//! `apimachinery/pkg/api/errors`, made from causes in this one place.

use crate::field;
use serde::{Deserialize, Serialize};

/// A failed (or, for some deletes, successful) answer. Serialises as the `Status` kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// `Success` or `Failure`.
    pub status: String,
    /// A word for machines: `NotFound`, `AlreadyExists`, `Conflict`, `Invalid` …
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// Where a list that expired can go on.
    #[serde(default, skip_serializing_if = "ListMeta::is_empty")]
    pub metadata: ListMeta,
}

/// The metadata of a [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListMeta {
    /// A token for the rest of a list.
    #[serde(rename = "continue", skip_serializing_if = "String::is_empty")]
    pub continue_token: String,
}

impl ListMeta {
    fn is_empty(&self) -> bool {
        self.continue_token.is_empty()
    }
}

/// The object and the causes of a [`Status`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Details {
    /// Object name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// API group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Resource (plural) or kind, as upstream gives it for each reason.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Object UID.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// One for each thing that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Seconds to wait before another try; also sent as `Retry-After`.
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_after_seconds: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks for this shape
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One cause of a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cause {
    /// Such as `FieldValueInvalid`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The field's path.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

/// A resource named for messages: `deployments.apps "web"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource<'a> {
    /// API group; empty for the core group.
    pub group: &'a str,
    /// Plural name (messages about kinds pass the kind here, as upstream does for `Invalid`).
    pub plural: &'a str,
}

impl Resource<'_> {
    fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}

impl Status {
    /// Any failure.
    #[must_use]
    pub fn failure(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            status: "Failure".to_owned(),
            reason: reason.to_owned(),
            message: message.into(),
            details: None,
            metadata: ListMeta::default(),
        }
    }

    fn about(mut self, resource: Resource<'_>, name: &str) -> Self {
        self.details = Some(Details {
            name: name.to_owned(),
            group: resource.group.to_owned(),
            kind: resource.plural.to_owned(),
            ..Details::default()
        });
        self
    }

    /// 400, reason `BadRequest`.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::failure(400, "BadRequest", message)
    }

    /// 401.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::failure(401, "Unauthorized", "Unauthorized")
    }

    /// 403: `pods "x" is forbidden: because`.
    #[must_use]
    pub fn forbidden(resource: Resource<'_>, name: &str, because: &str) -> Self {
        let what = resource.qualified();
        let message = if name.is_empty() {
            format!("{what} is forbidden: {because}")
        } else {
            format!("{what} {name:?} is forbidden: {because}")
        };
        Self::failure(403, "Forbidden", message).about(resource, name)
    }

    /// 404 for an object: `pods "x" not found`.
    #[must_use]
    pub fn not_found(resource: Resource<'_>, name: &str) -> Self {
        let message = format!("{} {name:?} not found", resource.qualified());
        Self::failure(404, "NotFound", message).about(resource, name)
    }

    /// 404 for a path that nothing serves.
    #[must_use]
    pub fn no_such_path() -> Self {
        let mut status = Self::failure(
            404,
            "NotFound",
            "the server could not find the requested resource",
        );
        status.details = Some(Details::default());
        status
    }

    /// 405 for a verb the resource lacks.
    #[must_use]
    pub fn method_not_supported(resource: Resource<'_>, verb: &str) -> Self {
        let message = format!(
            "{verb} is not supported on resources of kind {:?}",
            resource.qualified()
        );
        Self::failure(405, "MethodNotAllowed", message).about(resource, "")
    }

    /// 409 on create: `pods "x" already exists`.
    #[must_use]
    pub fn already_exists(resource: Resource<'_>, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", resource.qualified());
        Self::failure(409, "AlreadyExists", message).about(resource, name)
    }

    /// 409 on create with `generateName` when each generated name was taken.
    #[must_use]
    pub fn no_unique_name(resource: Resource<'_>, name: &str) -> Self {
        let mut status = Self::already_exists(resource, name);
        status
            .message
            .push_str(", the server was not able to generate a unique name for the object");
        if let Some(details) = &mut status.details {
            details.retry_after_seconds = 1;
        }
        status
    }

    /// 409 on update: `Operation cannot be fulfilled on pods "x": because`.
    #[must_use]
    pub fn conflict(resource: Resource<'_>, name: &str, because: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} {name:?}: {because}",
            resource.qualified()
        );
        Self::failure(409, "Conflict", message).about(resource, name)
    }

    /// 410 for a revision that is no longer kept.
    #[must_use]
    pub fn expired(message: impl Into<String>) -> Self {
        Self::failure(410, "Expired", message)
    }

    /// 422: `Pod "x" is invalid: errors`; `kind` carries the kind in its `plural`, as upstream does.
    #[must_use]
    pub fn invalid(kind: Resource<'_>, name: &str, errors: &[field::Error]) -> Self {
        let mut texts: Vec<String> = Vec::with_capacity(errors.len());
        for error in errors {
            let text = error.to_string();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let summary = match texts.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let message = format!("{} {name:?} is invalid: {summary}", kind.qualified());
        let mut status = Self::failure(422, "Invalid", message).about(kind, name);
        if let Some(details) = &mut status.details {
            details.causes = errors.iter().map(Cause::from).collect();
        }
        status
    }

    /// 429: try again after `seconds`.
    #[must_use]
    pub fn too_many_requests(message: impl Into<String>, seconds: u32) -> Self {
        let mut status = Self::failure(429, "TooManyRequests", message);
        status.details = Some(Details {
            retry_after_seconds: seconds,
            ..Details::default()
        });
        status
    }

    /// 500.
    #[must_use]
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        let message = format!("Internal error occurred: {error}");
        let mut status = Self::failure(500, "InternalError", message);
        status.details = Some(Details {
            causes: vec![Cause {
                message: error.to_string(),
                ..Cause::default()
            }],
            ..Details::default()
        });
        status
    }

    /// 503.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::failure(503, "ServiceUnavailable", message)
    }

    /// The answer to a delete that leaves no object to show.
    #[must_use]
    pub fn deleted(resource: Resource<'_>, name: &str, uid: &str) -> Self {
        let mut status = Self {
            code: 200,
            status: "Success".to_owned(),
            reason: String::new(),
            message: String::new(),
            details: None,
            metadata: ListMeta::default(),
        }
        .about(resource, name);
        if let Some(details) = &mut status.details {
            uid.clone_into(&mut details.uid);
        }
        status
    }

    /// The body: `{"kind":"Status","apiVersion":"v1","metadata":{},…}`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut tree = serde_json::json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": self.status });
        if !self.metadata.is_empty() {
            tree["metadata"]["continue"] = self.metadata.continue_token.as_str().into();
        }
        if let Some(map) = tree.as_object_mut() {
            for (key, value) in [("message", &self.message), ("reason", &self.reason)] {
                if !value.is_empty() {
                    map.insert(key.to_owned(), value.as_str().into());
                }
            }
            if let Some(details) = self
                .details
                .as_ref()
                .and_then(|d| serde_json::to_value(d).ok())
            {
                map.insert("details".to_owned(), details);
            }
            if self.status == "Failure" {
                map.insert("code".to_owned(), self.code.into());
            }
        }
        tree.to_string().into_bytes()
    }

    /// Whether this is `reason`, such as `NotFound`.
    #[must_use]
    pub fn is(&self, reason: &str) -> bool {
        self.reason == reason
    }
}

impl From<&field::Error> for Cause {
    fn from(error: &field::Error) -> Self {
        Self {
            reason: error.fault.reason().to_owned(),
            message: error.message.clone(),
            field: error.path.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{Error, Path};

    const PODS: Resource<'_> = Resource {
        group: "",
        plural: "pods",
    };
    const DEPLOYMENTS: Resource<'_> = Resource {
        group: "apps",
        plural: "deployments",
    };

    #[test]
    fn messages_are_upstreams() {
        assert_eq!(
            Status::not_found(PODS, "x").message,
            r#"pods "x" not found"#
        );
        assert_eq!(
            Status::already_exists(DEPLOYMENTS, "x").message,
            r#"deployments.apps "x" already exists"#
        );
        let errors = [Error::required(&Path::new("spec"), "")];
        let kind = Resource {
            group: "apps",
            plural: "Deployment",
        };
        assert_eq!(
            Status::invalid(kind, "x", &errors).message,
            r#"Deployment.apps "x" is invalid: spec: Required value"#
        );
    }

    #[test]
    fn body_has_upstreams_shape() {
        let body: serde_json::Value =
            serde_json::from_slice(&Status::not_found(PODS, "x").encode()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"pods \"x\" not found",
                "reason":"NotFound","details":{"name":"x","kind":"pods"},"code":404})
        );
    }
}
