//! events.k8s.io/v1 Event: a view of the core/v1 form, in which it is stored.

use crate::{Cell, Column, Hub, Names, Strategy, core::event};
use api::AnyObject;
use jiff::Timestamp;
use k8s_openapi::api::{core::v1 as core, events::v1 as upstream};
use machinery::field::ErrorList;

/// The law of Event.
pub(crate) struct Event;

static HUB: Hub = Hub {
    group: "",
    version: "v1",
    to_hub: |object| Some(Box::new(to_core(object.downcast_ref()?)) as Box<dyn AnyObject>),
    from_hub: |object| Some(Box::new(from_core(object.downcast_ref()?)) as Box<dyn AnyObject>),
};

impl Strategy for Event {
    type Object = upstream::Event;

    fn names(&self) -> Names {
        Names::namespaced("events", "event").short(&["ev"])
    }

    fn hub(&self) -> Option<&'static Hub> {
        Some(&HUB)
    }

    fn validate(&self, object: &upstream::Event) -> ErrorList {
        event::validate::strict(&to_core(object))
    }

    fn validate_update(&self, new: &upstream::Event, old: &upstream::Event) -> ErrorList {
        event::validate::strict_update(&to_core(new), &to_core(old))
    }

    fn columns(&self) -> &'static [Column] {
        event::Event.columns()
    }

    fn row(&self, object: &upstream::Event, now: Timestamp) -> Vec<Cell> {
        event::Event.row(&to_core(object), now)
    }

    fn create_on_update(&self) -> bool {
        true
    }
}

fn to_core(view: &upstream::Event) -> core::Event {
    let view = view.clone();
    core::Event {
        action: view.action,
        count: view.deprecated_count,
        event_time: view.event_time,
        first_timestamp: view.deprecated_first_timestamp,
        involved_object: view.regarding.unwrap_or_default(),
        last_timestamp: view.deprecated_last_timestamp,
        message: view.note,
        metadata: view.metadata,
        reason: view.reason,
        related: view.related,
        reporting_component: view.reporting_controller,
        reporting_instance: view.reporting_instance,
        series: view.series.map(|it| core::EventSeries {
            count: Some(it.count),
            last_observed_time: Some(it.last_observed_time),
        }),
        source: view.deprecated_source,
        type_: view.type_,
    }
}

fn from_core(stored: &core::Event) -> upstream::Event {
    let stored = stored.clone();
    upstream::Event {
        action: stored.action,
        deprecated_count: stored.count,
        deprecated_first_timestamp: stored.first_timestamp,
        deprecated_last_timestamp: stored.last_timestamp,
        deprecated_source: stored.source,
        event_time: stored.event_time,
        metadata: stored.metadata,
        note: stored.message,
        reason: stored.reason,
        regarding: Some(stored.involved_object),
        related: stored.related,
        reporting_controller: stored.reporting_component,
        reporting_instance: stored.reporting_instance,
        series: stored.series.and_then(|it| {
            Some(upstream::EventSeries {
                count: it.count.unwrap_or(0),
                last_observed_time: it.last_observed_time?,
            })
        }),
        type_: stored.type_,
    }
}

#[cfg(test)]
mod tests {
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
                    json!({"regarding": {"namespace": null}, "metadata": {"namespace": "b"}}),
                    &[
                        "involvedObject.namespace: Invalid value: \"\": does not match event.namespace",
                    ],
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
                    &[
                        "involvedObject.namespace: Invalid value: \"b\": does not match event.namespace",
                    ],
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
}
