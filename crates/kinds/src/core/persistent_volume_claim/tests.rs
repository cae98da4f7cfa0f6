//! Claims: errors, warnings, printing.

use super::*;
use crate::cases;
use serde_json::{Value, json};

fn base() -> Value {
    json!({"metadata": {"name": "a"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}})
}

fn spec(patch: Value) -> Value {
    json!({"spec": patch})
}

#[test]
fn errors_of_new_claims() {
    let source = |kind: &str| json!({"kind": kind, "name": "b"});
    cases::creates(
        &PersistentVolumeClaim,
        base(),
        &[
            (json!({}), &[]),
            (
                spec(json!({"accessModes": []})),
                &["spec.accessModes: Required value: at least 1 access mode is required"],
            ),
            (
                spec(json!({"accessModes": ["Foo"]})),
                &[
                    "spec.accessModes: Unsupported value: \"Foo\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
                ],
            ),
            (
                spec(json!({"resources": {"requests": null}})),
                &["spec.resources[storage]: Required value"],
            ),
            (
                spec(json!({"resources": {"requests": {"storage": "-1"}}})),
                &["spec.resources[storage]: Invalid value: \"-1\": must be greater than zero"],
            ),
            (
                spec(json!({"volumeMode": "Foo"})),
                &[
                    "spec.volumeMode: Unsupported value: \"Foo\": supported values: \"Block\", \"Filesystem\"",
                ],
            ),
            (
                spec(json!({"dataSource": source("PersistentVolumeClaim")})),
                &[],
            ),
            (spec(json!({"dataSource": source("Pod")})), &[]),
            (
                spec(json!({"dataSourceRef": source("Pod")})),
                &[
                    "spec.dataSource: Invalid value: \"Pod\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
                    "spec.dataSourceRef: Invalid value: \"Pod\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
                ],
            ),
            (
                spec(
                    json!({"dataSource": source("PersistentVolumeClaim"), "dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "c"}}),
                ),
                &["spec: Invalid value: {}: must match dataSourceRef"],
            ),
        ],
    );
}

#[test]
fn errors_of_changes() {
    const FROZEN: &str = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
    let size = |it: &str| spec(json!({"resources": {"requests": {"storage": it}}}));
    cases::updates(
        &PersistentVolumeClaim,
        base(),
        &[
            (spec(json!({"volumeName": "v"})), &[]),
            (spec(json!({"storageClassName": "s"})), &[]),
            (size("3Gi"), &[FROZEN]),
            (spec(json!({"accessModes": ["ReadOnlyMany"]})), &[FROZEN]),
            (
                spec(json!({"volumeMode": "Block"})),
                &[
                    FROZEN,
                    "volumeMode: Invalid value: \"Block\": field is immutable",
                ],
            ),
        ],
    );
    let bound = json!({"spec": {"volumeName": "v", "volumeAttributesClassName": "c"}, "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}});
    cases::updates(
        &PersistentVolumeClaim,
        cases::merged(&base(), &bound),
        &[
            (size("3Gi"), &[]),
            (size("1500Mi"), &[]),
            (
                size("1Gi"),
                &[
                    "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity",
                ],
            ),
            (spec(json!({"volumeAttributesClassName": "d"})), &[]),
            (
                spec(json!({"volumeAttributesClassName": ""})),
                &[
                    "spec.volumeAttributesClassName: Forbidden: update from non-nil value to an empty string is forbidden",
                ],
            ),
            (spec(json!({"volumeName": "w"})), &[FROZEN]),
        ],
    );
    let status = |it: Value| json!({"status": it});
    cases::changes(
        &PersistentVolumeClaim,
        "status",
        base(),
        &[
            (status(json!({"capacity": {"storage": "1Gi"}})), &[]),
            (
                status(json!({"capacity": {"storage": "-1"}})),
                &["status.capacity[storage]: Invalid value: -1: must be a valid resource quantity"],
            ),
            (
                status(json!({"allocatedResources": {"cpu": "1"}})),
                &[
                    "status.allocatedResources: Unsupported value: \"cpu\": supported values: \"storage\"",
                ],
            ),
        ],
    );
}

#[test]
fn warnings_and_rows() {
    cases::warns(
        &PersistentVolumeClaim,
        base(),
        &[(
            spec(json!({"resources": {"requests": {"storage": "1500m"}}})),
            &[
                "spec.resources.requests[storage]: fractional byte value \"1500m\" is invalid, must be an integer",
            ],
        )],
    );
    assert_eq!(
        cases::row(&PersistentVolumeClaim, base()),
        "a|Pending|||||<unset>|<unknown>|Filesystem"
    );
}
