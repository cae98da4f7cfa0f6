//! Events in both forms: errors.

use super::*;
use crate::cases;
use serde_json::json;

#[test]
fn both_forms_have_their_errors() {
    let base = json!({"metadata": {"name": "a", "namespace": "default"}, "eventTime": "2020-01-01T00:00:00.000000Z", "reportingController": "example.com/c", "reportingInstance": "c-1", "action": "A", "reason": "R", "type": "Normal", "regarding": {"namespace": "default"}});
    cases::creates(
        &Event,
        base.clone(),
        &[
            (json!({}), &[]),
            (json!({"eventTime": null}), &["eventTime: Required value"]),
            (
                json!({"type": "Foo"}),
                &["type: Invalid value: \"\": has invalid value: Foo"],
            ),
            (json!({"action": ""}), &["action: Required value"]),
            (
                json!({"reason": "x".repeat(129)}),
                &["reason: Invalid value: \"\": can have at most 128 characters"],
            ),
            (
                json!({"note": "x".repeat(1025)}),
                &["message: Invalid value: \"\": can have at most 1024 characters"],
            ),
            (
                json!({"deprecatedCount": 1}),
                &["count: Invalid value: \"\": needs to be unset"],
            ),
            (
                json!({"deprecatedSource": {"host": "a"}}),
                &["source: Invalid value: \"\": needs to be unset"],
            ),
            (
                json!({"series": {"count": 1, "lastObservedTime": "2020-01-01T00:00:00.000000Z"}}),
                &["series.count: Invalid value: \"\": should be at least 2"],
            ),
            (
                json!({"series": {}}),
                &[
                    "series.count: Invalid value: \"\": should be at least 2",
                    "series.lastObservedTime: Required value",
                ],
            ),
            (
                json!({"regarding": {"namespace": null}, "metadata": {"namespace": "b"}}),
                &["involvedObject.namespace: Invalid value: \"\": does not match event.namespace"],
            ),
        ],
    );
    cases::updates(
        &Event,
        base,
        &[
            (
                json!({"series": {"count": 2, "lastObservedTime": "2020-01-01T00:00:00.000000Z"}}),
                &[],
            ),
            (
                json!({"reason": "S"}),
                &["reason: Invalid value: \"S\": field is immutable"],
            ),
        ],
    );
    let old = json!({"metadata": {"name": "a", "namespace": "default"}, "involvedObject": {"namespace": "default"}});
    cases::creates(
        &event::Event,
        old,
        &[
            (json!({}), &[]),
            (
                json!({"involvedObject": {"namespace": "b"}}),
                &["involvedObject.namespace: Invalid value: \"b\": does not match event.namespace"],
            ),
            (
                json!({"eventTime": "2020-01-01T00:00:00.000000Z"}),
                &[
                    "reportingController: Required value",
                    "reportingController: Invalid value: \"\": name part must be non-empty",
                    "reportingController: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
                    "reportingInstance: Required value",
                    "action: Required value",
                    "reason: Required value",
                ],
            ),
        ],
    );
}
