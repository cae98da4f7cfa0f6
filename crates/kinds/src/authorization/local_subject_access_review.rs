//! May this user do that here; answered by the door, never stored.

use super::access;
use crate::{Names, Question, Strategy};
use k8s_openapi::api::authorization::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    status::Status,
};

/// The law of LocalSubjectAccessReview.
pub(crate) struct LocalSubjectAccessReview;

impl Strategy for LocalSubjectAccessReview {
    type Object = upstream::LocalSubjectAccessReview;

    fn names(&self) -> Names {
        Names::namespaced("localsubjectaccessreviews", "localsubjectaccessreview")
            .verbs(&["create"])
    }

    fn validate(&self, object: &upstream::LocalSubjectAccessReview) -> ErrorList {
        let mut errors = ErrorList::new();
        let e = &mut errors;
        access::spec(e, &object.spec);
        access::metadata(e, &object.metadata, true);
        if let Some(resource) = &object.spec.resource_attributes {
            let asked = resource.namespace.as_deref().unwrap_or_default();
            if asked != object.metadata.namespace.as_deref().unwrap_or_default() {
                let path = Path::new("spec.resourceAttributes.namespace");
                e.push(Error::invalid(
                    &path,
                    asked,
                    "must match metadata.namespace",
                ));
            }
        }
        if let Some(it) = &object.spec.non_resource_attributes {
            let path = Path::new("spec.nonResourceAttributes");
            let text = "disallowed on this kind of request";
            e.push(Error::invalid(&path, access::shown(it), text));
        }
        errors
    }

    fn question(
        &self,
        object: &upstream::LocalSubjectAccessReview,
    ) -> Option<Result<Question, Status>> {
        Some(Ok(Question::Access(object.spec.clone().into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn only_of_its_namespace() {
        cases::creates(
            &LocalSubjectAccessReview,
            json!({ "metadata": { "namespace": "n" }, "spec": { "user": "a" } }),
            &[
                (
                    json!({ "spec": { "resourceAttributes": { "namespace": "n" } } }),
                    &[],
                ),
                (
                    json!({ "spec": { "resourceAttributes": {} } }),
                    &[
                        "spec.resourceAttributes.namespace: Invalid value: \"\": must match metadata.namespace",
                    ],
                ),
                (
                    json!({ "spec": { "nonResourceAttributes": { "path": "/x" } } }),
                    &[
                        "spec.nonResourceAttributes: Invalid value: {\"Path\":\"/x\",\"Verb\":\"\"}: disallowed on this kind of request",
                    ],
                ),
                (
                    json!({ "metadata": { "labels": { "a": "b" } }, "spec": { "resourceAttributes": { "namespace": "n" } } }),
                    &[
                        "metadata: Invalid value: {\"labels\":{\"a\":\"b\"},\"namespace\":\"n\"}: must be empty except for namespace",
                    ],
                ),
            ],
        );
    }
}
