//! Quotas: errors, printing.

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
