//! Something that happened to an object. Seen as events.k8s.io/v1 too; stored in this form.

pub(crate) mod validate;

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::{api::core::v1 as upstream, apimachinery::pkg::apis::meta::v1::Time};
use machinery::field::ErrorList;

/// The law of Event.
pub(crate) struct Event;

impl Strategy for Event {
    type Object = upstream::Event;

    fn names(&self) -> Names {
        Names::namespaced("events", "event").short(&["ev"])
    }

    fn default(&self, object: &mut upstream::Event) {
        // Both are always written; clients read them without asking whether they are there.
        object.source.get_or_insert_default();
        object.reporting_component.get_or_insert_default();
        object.reporting_instance.get_or_insert_default();
    }

    fn validate(&self, object: &upstream::Event) -> ErrorList {
        validate::event(object)
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::text("Last Seen", "The time at which the most recent occurrence of this event was recorded."),
                Column::text("Type", "Type of this event (Normal, Warning), new types could be added in the future"),
                Column::text("Reason", "This should be a short, machine understandable string that gives the reason for the transition into the object's current status."),
                Column::text("Object", "The object that this event is about."),
                Column::text("Subobject", "If referring to a piece of an object instead of an entire object, this string should contain a valid JSON/Go field access statement, such as desiredState.manifest.containers[2]. For example, if the object reference is to a container within a pod, this would take on a value like: \"spec.containers{name}\" (where \"name\" refers to the name of the container that triggered the event) or if no container name is specified \"spec.containers[2]\" (container with index 2 in this pod). This syntax is chosen only to have some well-defined way of referencing a part of an object.").wide(),
                Column::text("Source", "The component reporting this event. Should be a short machine understandable string.").wide(),
                Column::text("Message", "A human-readable description of the status of this operation."),
                Column::text("First Seen", "The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)").wide(),
                Column::text("Count", "The number of times this event has occurred.").wide(),
                Column::NAME.wide(),
            ]
        }
    }

    fn row(&self, object: &upstream::Event, now: Timestamp) -> Vec<Cell> {
        let micro = object.event_time.as_ref().map(|it| Time(it.0));
        let first = columns::since(object.first_timestamp.as_ref().or(micro.as_ref()), now);
        let series = object.series.as_ref();
        let last = match (
            series.and_then(|it| it.last_observed_time.as_ref()),
            &object.last_timestamp,
        ) {
            (Some(time), _) => columns::since(Some(&Time(time.0)), now),
            (None, Some(time)) => columns::since(Some(time), now),
            (None, None) => first.clone(),
        };
        let count = series
            .and_then(|it| it.count)
            .or(object.count)
            .filter(|it| *it != 0)
            .unwrap_or(1);
        let about = &object.involved_object;
        let kind = about.kind.clone().unwrap_or_default().to_lowercase();
        let target = match about.name.as_deref() {
            Some(name) if !name.is_empty() => format!("{kind}/{name}"),
            _ => kind,
        };
        vec![
            last.into(),
            columns::or(object.type_.as_ref(), ""),
            columns::or(object.reason.as_ref(), ""),
            target.into(),
            columns::or(about.field_path.as_ref(), ""),
            source(object).into(),
            object.message.as_deref().unwrap_or_default().trim().into(),
            first.into(),
            count.into(),
            columns::name(&object.metadata),
        ]
    }

    fn selectable_fields(&self, object: &upstream::Event) -> Vec<(&'static str, String)> {
        let about = &object.involved_object;
        let component = object.source.as_ref().and_then(|it| it.component.clone());
        let source = component
            .filter(|it| !it.is_empty())
            .or_else(|| object.reporting_component.clone());
        let values = [
            about.kind.clone(),
            about.namespace.clone(),
            about.name.clone(),
            about.uid.clone(),
            about.api_version.clone(),
            about.resource_version.clone(),
            about.field_path.clone(),
            object.reason.clone(),
            object.reporting_component.clone(),
            source,
            object.type_.clone(),
        ];
        FIELDS
            .iter()
            .copied()
            .zip(values.map(Option::unwrap_or_default))
            .collect()
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        FIELDS
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn expires(&self) -> bool {
        true
    }
}

const FIELDS: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

fn source(object: &upstream::Event) -> String {
    let source = object.source.clone().unwrap_or_default();
    let either = |old: Option<String>, new: &Option<String>| {
        old.filter(|it| !it.is_empty())
            .or_else(|| new.clone())
            .unwrap_or_default()
    };
    let component = either(source.component, &object.reporting_component);
    let instance = either(source.host, &object.reporting_instance);
    if instance.is_empty() {
        component
    } else {
        format!("{component}, {instance}")
    }
}
