//! events.k8s.io/v1 Event: a view of the core/v1 form, in which it is stored.

#[cfg(test)]
mod tests;

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
    fields: &[
        ("reason", "reason"),
        ("regarding.apiVersion", "involvedObject.apiVersion"),
        ("regarding.fieldPath", "involvedObject.fieldPath"),
        ("regarding.kind", "involvedObject.kind"),
        ("regarding.name", "involvedObject.name"),
        ("regarding.namespace", "involvedObject.namespace"),
        (
            "regarding.resourceVersion",
            "involvedObject.resourceVersion",
        ),
        ("regarding.uid", "involvedObject.uid"),
        ("reportingController", "reportingComponent"),
        ("source", "source"),
        ("type", "type"),
    ],
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

/// Go's zero time, which is an absent one.
const GO_ZERO_SECONDS: i64 = -62_135_596_800;

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
            last_observed_time: Some(it.last_observed_time)
                .filter(|it| it.0.as_second() > GO_ZERO_SECONDS),
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
