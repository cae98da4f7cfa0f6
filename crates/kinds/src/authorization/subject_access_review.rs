//! May this user do that; answered by the door, never stored.

use super::access;
use crate::{Names, Question, Strategy};
use k8s_openapi::api::authorization::v1 as upstream;
use machinery::{field::ErrorList, status::Status};

/// The law of SubjectAccessReview.
pub(crate) struct SubjectAccessReview;

impl Strategy for SubjectAccessReview {
    type Object = upstream::SubjectAccessReview;

    fn names(&self) -> Names {
        Names::cluster("subjectaccessreviews", "subjectaccessreview").verbs(&["create"])
    }

    fn validate(&self, object: &upstream::SubjectAccessReview) -> ErrorList {
        let mut errors = ErrorList::new();
        access::spec(&mut errors, &object.spec);
        access::metadata(&mut errors, &object.metadata, false);
        errors
    }

    fn question(&self, object: &upstream::SubjectAccessReview) -> Option<Result<Question, Status>> {
        Some(Ok(Question::Access(object.spec.clone().into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn rules() {
        let both = json!({ "resourceAttributes": {}, "nonResourceAttributes": { "path": "/x", "verb": "get" } });
        let selectors = json!({ "resourceAttributes": {
            "fieldSelector": { "rawSelector": "a=b", "requirements": [
                { "key": "", "operator": "In", "values": [] },
                { "key": "a", "operator": "Exists", "values": ["b"] },
                { "key": "a", "operator": "Newer", "values": ["b"] }] },
            "labelSelector": {} } });
        let labels = json!({ "resourceAttributes": { "labelSelector": { "requirements": [
            { "key": "-", "operator": "Newer" },
            { "key": "a", "operator": "NotIn" },
            { "key": "a", "operator": "In", "values": ["-"] }] } } });
        cases::creates(
            &SubjectAccessReview,
            json!({ "spec": { "user": "a" } }),
            &[
                (json!({ "spec": { "resourceAttributes": {} } }), &[]),
                (json!({ "spec": { "nonResourceAttributes": {} } }), &[]),
                (
                    json!({ "spec": { "resourceAttributes": {}, "user": null, "groups": ["g"] } }),
                    &[],
                ),
                (
                    json!({ "spec": { "user": null } }),
                    &[
                        "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
                        "spec.user: Invalid value: \"\": at least one of user or group must be specified",
                    ],
                ),
                (
                    json!({ "spec": both }),
                    &[
                        "spec.nonResourceAttributes: Invalid value: {\"Path\":\"/x\",\"Verb\":\"get\"}: cannot be specified in combination with resourceAttributes",
                    ],
                ),
                (
                    json!({ "spec": { "resourceAttributes": {} }, "metadata": { "name": "x" } }),
                    &["metadata: Invalid value: {\"name\":\"x\"}: must be empty"],
                ),
                (
                    json!({ "spec": selectors }),
                    &[
                        "spec.resourceAttributes.fieldSelector.rawSelector: Invalid value: \"a=b\": may not specified at the same time as requirements",
                        "spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified",
                        "spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
                        "spec.resourceAttributes.fieldSelector.requirements[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
                        "spec.resourceAttributes.labelSelector.requirements: Required value: when spec.resourceAttributes.labelSelector is specified, requirements or rawSelector is required",
                    ],
                ),
                (
                    json!({ "spec": labels }),
                    &[
                        "spec.resourceAttributes.labelSelector.requirements[0].key: Invalid value: \"-\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
                        "spec.resourceAttributes.labelSelector.requirements[1].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
                        "spec.resourceAttributes.labelSelector.requirements[2].values[0]: Invalid value: \"-\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
                    ],
                ),
            ],
        );
    }
}
