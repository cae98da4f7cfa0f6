//! Nodes: errors, warnings, printing.

use super::*;
use crate::cases;
use serde_json::{Value, json};

fn base() -> Value {
    json!({"metadata": {"name": "a"}, "spec": {"podCIDR": "10.0.0.0/24", "providerID": "x://1"}})
}

#[test]
fn errors_of_new_nodes() {
    let taints = |list: Value| json!({"spec": {"taints": list}});
    let ranges = |list: Value| json!({"spec": {"podCIDR": null, "podCIDRs": list}});
    cases::creates(
        &Node,
        base(),
        &[
            (json!({}), &[]),
            (
                taints(
                    json!([{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoExecute"}]),
                ),
                &[],
            ),
            (
                taints(json!([{"key": "a"}])),
                &["metadata.taints[0].effect: Required value"],
            ),
            (
                taints(json!([{"key": "a", "effect": "Foo"}])),
                &[
                    "metadata.taints[0].effect: Unsupported value: \"Foo\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
                ],
            ),
            (
                taints(
                    json!([{"key": "a", "value": "b", "effect": "NoSchedule"}, {"key": "a", "effect": "NoSchedule"}]),
                ),
                &[
                    "metadata.taints[1]: Duplicate value: {\"Key\":\"a\",\"Value\":\"\",\"Effect\":\"NoSchedule\",\"TimeAdded\":null}: taints must be unique by key and effect pair",
                ],
            ),
            (ranges(json!(["10.0.0.0/24", "fd00::/64"])), &[]),
            (
                ranges(json!(["10.0.0.1/24"])),
                &[
                    "spec.podCIDRs[0]: Invalid value: \"10.0.0.1/24\": must not have bits set beyond the prefix length",
                ],
            ),
            (
                ranges(json!(["10.0.0.0/24", "10.0.0.0/24"])),
                &[
                    "spec.podCIDRs: Invalid value: [\"10.0.0.0/24\",\"10.0.0.0/24\"]: may specify no more than one CIDR for each IP family",
                    "spec.podCIDRs[1]: Duplicate value: \"10.0.0.0/24\"",
                ],
            ),
            (
                json!({"status": {"capacity": {"cpu": "-1", "example.com/a": "1500m"}, "allocatable": {}}}),
                &[
                    "status.capacity.cpu: Invalid value: \"-1\": must be greater than or equal to 0",
                    "status.capacity.example.com/a: Invalid value: \"1500m\": must be an integer",
                ],
            ),
        ],
    );
}

#[test]
fn errors_of_changes() {
    let protected = "[]: Forbidden: node updates may only change labels, taints, or capacity";
    cases::updates(
        &Node,
        base(),
        &[
            (json!({"spec": {"unschedulable": true}}), &[]),
            (
                json!({"spec": {"podCIDR": "10.1.0.0/24"}}),
                &[
                    "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid",
                    protected,
                ],
            ),
            (
                json!({"spec": {"providerID": "x://2"}}),
                &[
                    "spec.providerID: Forbidden: node updates may not change providerID except from \"\" to valid",
                    protected,
                ],
            ),
            (
                json!({"spec": {"externalID": "b"}}),
                &["spec.externalID: Forbidden: may not be updated", protected],
            ),
        ],
    );
    let address = json!({"type": "InternalIP", "address": "10.0.0.1"});
    cases::changes(
        &Node,
        "status",
        base(),
        &[
            (json!({"status": {"addresses": [address.clone()]}}), &[]),
            (
                json!({"status": {"addresses": [address.clone(), address]}}),
                &[
                    "status.addresses[1]: Duplicate value: {\"Type\":\"InternalIP\",\"Address\":\"10.0.0.1\"}",
                ],
            ),
        ],
    );
    // A range written before strict validation may stay.
    let old = json!({"metadata": {"name": "a"}, "spec": {"podCIDRs": ["10.0.0.1/24"]}});
    cases::updates(
        &Node,
        old,
        &[(json!({"metadata": {"labels": {"a": "b"}}}), &[])],
    );
}

#[test]
fn warnings_and_rows() {
    cases::warns(
        &Node,
        base(),
        &[(
            json!({"spec": {"externalID": "b"}}),
            &["spec.externalID: this field is deprecated, and is unused by Kubernetes"],
        )],
    );
    let json = json!({"metadata": {"name": "a", "labels": {"node-role.kubernetes.io/control-plane": ""}}, "spec": {"unschedulable": true}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    assert_eq!(
        cases::row(&Node, json),
        "a|Ready,SchedulingDisabled|control-plane|<unknown>||<none>|<none>|<unknown>|<unknown>|<unknown>"
    );
    let it = cases::defaulted(&Node, base());
    assert_eq!(it["spec"]["podCIDRs"], json!(["10.0.0.0/24"]));
}
