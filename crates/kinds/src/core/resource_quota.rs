//! Limits on what a namespace may use in sum.

mod validate;

use crate::{Cell, Column, Names, Strategy, Subresource, columns};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;
use machinery::field::ErrorList;

/// The law of ResourceQuota.
pub(crate) struct ResourceQuota;

impl Strategy for ResourceQuota {
    type Object = upstream::ResourceQuota;

    fn names(&self) -> Names {
        Names::namespaced("resourcequotas", "resourcequota").short(&["quota"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("ResourceQuota")] }
    }

    crate::prepare::status_apart!();

    fn validate(&self, object: &upstream::ResourceQuota) -> ErrorList {
        validate::spec(object)
    }

    fn validate_update(
        &self,
        new: &upstream::ResourceQuota,
        old: &upstream::ResourceQuota,
    ) -> ErrorList {
        validate::update(new, old)
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::ResourceQuota,
        _: &upstream::ResourceQuota,
    ) -> ErrorList {
        validate::status(new)
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Request",
                    "Request represents a minimum amount of cpu/memory that a container may consume.",
                ),
                Column::text(
                    "Limit",
                    "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::ResourceQuota, now: Timestamp) -> Vec<Cell> {
        let status = object.status.clone().unwrap_or_default();
        let used = |name: &str| {
            status
                .used
                .as_ref()
                .and_then(|it| it.get(name))
                .map_or("0", |it| it.0.as_str())
        };
        let all = status.hard.iter().flatten().map(|(name, hard)| {
            (
                name.starts_with("limits."),
                format!("{name}: {}/{}", used(name), hard.0),
            )
        });
        let (limits, requests): (Vec<_>, Vec<_>) = all.partition(|it| it.0);
        let texts = |list: Vec<(bool, String)>| list.into_iter().map(|it| it.1).collect::<Vec<_>>();
        let (limits, requests) = (texts(limits), texts(requests));
        vec![
            columns::name(&object.metadata),
            requests.join(", ").into(),
            limits.join(", ").into(),
            columns::age(&object.metadata, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn errors() {
        let base = json!({"metadata": {"name": "a"}, "spec": {"hard": {"pods": "1", "cpu": "1"}}});
        let hard = |name: &str, amount: &str| json!({"spec": {"hard": {name: amount}}});
        let selector = |scope: &str, operator: &str, values: &[&str]| json!({"spec": {"hard": {"cpu": null}, "scopeSelector": {"matchExpressions": [{"scopeName": scope, "operator": operator, "values": values}]}}});
        cases::creates(
            &ResourceQuota,
            base.clone(),
            &[
                (json!({}), &[]),
                (hard("count/deployments.apps", "1"), &[]),
                (hard("requests.storage", "1Gi"), &[]),
                (
                    hard("x", "1"),
                    &[
                        "spec.hard[x]: Invalid value: \"x\": must be a standard resource type or fully qualified",
                        "spec.hard[x]: Invalid value: \"x\": must be a standard resource for quota",
                    ],
                ),
                (
                    hard("pods", "-1"),
                    &["spec.hard[pods]: Invalid value: \"-1\": must be greater than or equal to 0"],
                ),
                (
                    hard("pods", "1500m"),
                    &["spec.hard[pods]: Invalid value: \"1500m\": must be an integer"],
                ),
                (json!({"spec": {"scopes": ["Terminating"]}}), &[]),
                (
                    json!({"spec": {"scopes": ["Foo"]}}),
                    &["spec.scopes: Invalid value: [\"Foo\"]: unsupported scope"],
                ),
                (
                    json!({"spec": {"scopes": ["BestEffort"]}}),
                    &[
                        "spec.scopes: Invalid value: [\"BestEffort\"]: unsupported scope applied to resource",
                    ],
                ),
                (
                    json!({"spec": {"scopes": ["Terminating", "NotTerminating"]}}),
                    &[
                        "spec.scopes: Invalid value: [\"Terminating\",\"NotTerminating\"]: conflicting scopes",
                    ],
                ),
                (selector("PriorityClass", "In", &["high"]), &[]),
                (
                    selector("PriorityClass", "In", &[]),
                    &[
                        "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
                    ],
                ),
                (
                    selector("PriorityClass", "Exists", &["high"]),
                    &[
                        "spec.scopeSelector.matchExpressions.values: Invalid value: [\"high\"]: must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
                    ],
                ),
                (
                    selector("PriorityClass", "Foo", &[]),
                    &[
                        "spec.scopeSelector.matchExpressions.operator: Invalid value: \"Foo\": not a valid selector operator",
                    ],
                ),
                (
                    selector("Terminating", "In", &["a"]),
                    &[
                        "spec.scopeSelector.matchExpressions.operator: Invalid value: \"In\": must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
                    ],
                ),
            ],
        );
        cases::updates(
            &ResourceQuota,
            base.clone(),
            &[
                (hard("pods", "2"), &[]),
                (
                    json!({"spec": {"scopes": ["Terminating"]}}),
                    &["spec.scopes: Invalid value: [\"Terminating\"]: field is immutable"],
                ),
            ],
        );
        cases::changes(
            &ResourceQuota,
            "status",
            base,
            &[(
                json!({"status": {"used": {"pods": "-1"}}}),
                &["status.used[pods]: Invalid value: \"-1\": must be greater than or equal to 0"],
            )],
        );
    }

    #[test]
    fn rows() {
        let json = json!({"metadata": {"name": "a"}, "status": {"hard": {"pods": "2", "limits.cpu": "1"}, "used": {"pods": "1"}}});
        assert_eq!(
            cases::row(&ResourceQuota, json),
            "a|pods: 1/2|limits.cpu: 0/1|<unknown>"
        );
    }
}
