//! Storage classes: errors, warnings, printing.

use super::*;
use crate::cases;
use serde_json::json;

#[test]
fn errors_warnings_and_rows() {
    let base = json!({"metadata": {"name": "a"}, "provisioner": "example.com/p"});
    let topology = |it| json!({"allowedTopologies": [{"matchLabelExpressions": [it]}]});
    cases::creates(
        &StorageClass,
        base.clone(),
        &[
            (json!({}), &[]),
            (json!({"provisioner": ""}), &["provisioner: Required value"]),
            (
                json!({"reclaimPolicy": "Recycle"}),
                &[
                    "reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", \"Retain\"",
                ],
            ),
            (
                json!({"volumeBindingMode": "Foo"}),
                &[
                    "volumeBindingMode: Unsupported value: \"Foo\": supported values: \"Immediate\", \"WaitForFirstConsumer\"",
                ],
            ),
            (
                json!({"parameters": {"": "a"}}),
                &["parameters: Invalid value: \"\": field can not be empty."],
            ),
            (
                topology(json!({"key": "a", "values": []})),
                &["allowedTopologies[0].matchLabelExpressions[0].values: Required value"],
            ),
            (
                topology(json!({"key": "a", "values": ["b", "b"]})),
                &[
                    "allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: \"b\"",
                ],
            ),
            (
                json!({"allowedTopologies": [{}, {}]}),
                &[
                    "allowedTopologies[0].matchLabelExpressions: Duplicate value: \"\"",
                    "allowedTopologies[0].matchLabelExpressions: Duplicate value: \"\"",
                    "allowedTopologies[1].matchLabelExpressions: Duplicate value: \"\"",
                    "allowedTopologies[1].matchLabelExpressions: Duplicate value: \"\"",
                    "allowedTopologies[1].matchLabelExpressions: Duplicate value: \"\"",
                ],
            ),
        ],
    );
    cases::updates(
        &StorageClass,
        base.clone(),
        &[
            (json!({"allowVolumeExpansion": true}), &[]),
            (
                json!({"provisioner": "b", "parameters": {"a": "b"}, "reclaimPolicy": "Retain"}),
                &[
                    "parameters: Forbidden: updates to parameters are forbidden.",
                    "provisioner: Forbidden: updates to provisioner are forbidden.",
                    "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.",
                ],
            ),
            (
                json!({"volumeBindingMode": "WaitForFirstConsumer"}),
                &["volumeBindingMode: Invalid value: \"WaitForFirstConsumer\": field is immutable"],
            ),
        ],
    );
    cases::warns(
        &StorageClass,
        base.clone(),
        &[(
            topology(json!({"key": "failure-domain.beta.kubernetes.io/zone", "values": ["a"]})),
            &[
                "allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
            ],
        )],
    );
    let marked = json!({"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}});
    assert_eq!(
        cases::row(&StorageClass, cases::merged(&base, &marked)),
        "a (default)|example.com/p|Delete|Immediate|false|<unknown>"
    );
}
