//! Errors of events in both groups: upstream's `ValidateEventCreate` and `ValidateEventUpdate`. Paths are
//! those of the stored form, whichever form the client spoke.

use crate::check;
use k8s_openapi::{
    api::core::v1::{Event, EventSource, ObjectReference},
    apimachinery::pkg::apis::meta::v1::Time,
};
use machinery::{
    field::{Error, ErrorList, Path, Value},
    names,
};
use serde_json::json;

/// The longest name of a reporter, action or reason.
const NAME_LIMIT: usize = 128;
/// The longest message.
const NOTE_LIMIT: usize = 1024;
const FOREIGN: &str = "does not match event.namespace";

/// What holds of every event. New ones have a time of their own and say who reports what.
pub(crate) fn event(event: &Event) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let own = event.metadata.namespace.as_deref().unwrap_or_default();
    let about = event
        .involved_object
        .namespace
        .as_deref()
        .unwrap_or_default();
    let path = Path::new("involvedObject").child("namespace");
    let agrees = match (event.event_time.is_some(), about) {
        (false, "") => matches!(own, "" | "default"),
        (false, _) => own == about,
        (true, "") => matches!(own, "default" | "kube-system"),
        (true, _) => true,
    };
    if !agrees {
        e.push(Error::invalid(&path, about, FOREIGN));
    }
    if event.event_time.is_some() {
        reported(e, event);
    }
    check::messages(
        e,
        &Path::new("namespace"),
        own,
        names::subdomain_errors(own),
    );
    errors
}

/// What else events.k8s.io/v1 asks of a new event.
pub(crate) fn strict(event: &Event) -> ErrorList {
    let mut errors = self::event(event);
    series(&mut errors, event);
    if event.event_time.is_none() {
        errors.push(Error::required(&Path::new("eventTime"), ""));
    }
    let kind = event.type_.as_deref().unwrap_or_default();
    if !matches!(kind, "Normal" | "Warning") {
        let text = format!("has invalid value: {kind}");
        errors.push(Error::invalid(&Path::new("type"), "", &text));
    }
    let source = event.source.as_ref();
    let has_source = source.is_some_and(|it| *it != EventSource::default() && !is_blank(it));
    for (field, set) in [
        ("firstTimestamp", event.first_timestamp.is_some()),
        ("lastTimestamp", event.last_timestamp.is_some()),
        ("count", event.count.unwrap_or(0) != 0),
        ("source", has_source),
    ] {
        if set {
            errors.push(Error::invalid(&Path::new(field), "", "needs to be unset"));
        }
    }
    errors
}

/// What else events.k8s.io/v1 asks of a change: only the series may go on.
pub(crate) fn strict_update(new: &Event, old: &Event) -> ErrorList {
    let mut errors = event(new);
    if new.series != old.series {
        series(&mut errors, new);
    }
    let same = new.involved_object == old.involved_object;
    let shown = reference(&new.involved_object);
    check::immutable(&mut errors, &Path::new("involvedObject"), same, shown);
    texts(
        &mut errors,
        &[
            ("reason", &new.reason, &old.reason),
            ("message", &new.message, &old.message),
        ],
    );
    stamps(&mut errors, new, old);
    texts(
        &mut errors,
        &[
            ("type", &new.type_, &old.type_),
            ("action", &new.action, &old.action),
        ],
    );
    let related = new.related.as_ref().map_or(Value::shown("null"), reference);
    let same = new.related == old.related;
    check::immutable(&mut errors, &Path::new("related"), same, related);
    texts(
        &mut errors,
        &[
            (
                "reportingController",
                &new.reporting_component,
                &old.reporting_component,
            ),
            (
                "reportingInstance",
                &new.reporting_instance,
                &old.reporting_instance,
            ),
        ],
    );
    errors
}

/// A field, and what it says now and said before.
type Text<'a> = (&'static str, &'a Option<String>, &'a Option<String>);

/// Texts that stay.
fn texts(e: &mut ErrorList, fields: &[Text<'_>]) {
    for (field, new, old) in fields {
        let new = new.as_deref().unwrap_or_default();
        let same = new == old.as_deref().unwrap_or_default();
        check::immutable(e, &Path::new(field), same, new);
    }
}

/// Times, counts and sources that stay.
fn stamps(e: &mut ErrorList, new: &Event, old: &Event) {
    let blank = |it: &Option<EventSource>| it.as_ref().is_none_or(is_blank);
    let same = new.source == old.source || blank(&new.source) && blank(&old.source);
    let source = new.source.clone().unwrap_or_default();
    let shown = json!({"Component": source.component.unwrap_or_default(), "Host": source.host.unwrap_or_default()});
    check::immutable(e, &Path::new("source"), same, shown);
    let time = |it: &Option<Time>| json!(it.as_ref().map(|it| machinery::durations::rfc3339(it.0)));
    for (field, new, old) in [
        ("firstTimestamp", &new.first_timestamp, &old.first_timestamp),
        ("lastTimestamp", &new.last_timestamp, &old.last_timestamp),
    ] {
        check::immutable(e, &Path::new(field), new == old, time(new));
    }
    let count = |it: &Event| it.count.unwrap_or(0);
    let same = count(new) == count(old);
    check::immutable(e, &Path::new("count"), same, count(new));
    let shown = json!(new.event_time.as_ref().map(|it| it.0.to_string()));
    let same = new.event_time == old.event_time;
    check::immutable(e, &Path::new("eventTime"), same, shown);
}

fn is_blank(source: &EventSource) -> bool {
    let blank = |it: &Option<String>| it.as_ref().is_none_or(String::is_empty);
    blank(&source.component) && blank(&source.host)
}

fn reported(e: &mut ErrorList, event: &Event) {
    let controller = event.reporting_component.as_deref().unwrap_or_default();
    let path = Path::new("reportingController");
    if controller.is_empty() {
        e.push(Error::required(&path, ""));
    }
    check::messages(
        e,
        &path,
        controller,
        names::qualified_name_errors(controller),
    );
    for (field, value) in [
        ("reportingInstance", &event.reporting_instance),
        ("action", &event.action),
        ("reason", &event.reason),
    ] {
        let path = Path::new(field);
        if check::required(e, &path, value.as_ref()) {
            at_most(e, &path, value.as_ref(), NAME_LIMIT);
        }
    }
    at_most(e, &Path::new("message"), event.message.as_ref(), NOTE_LIMIT);
}

fn at_most(e: &mut ErrorList, path: &Path, value: Option<&String>, limit: usize) {
    if value.is_some_and(|it| it.len() > limit) {
        let text = format!("can have at most {limit} characters");
        e.push(Error::invalid(path, "", &text));
    }
}

fn series(e: &mut ErrorList, event: &Event) {
    let Some(series) = &event.series else { return };
    if series.count.unwrap_or(0) < 2 {
        e.push(Error::invalid(
            &Path::new("series.count"),
            "",
            "should be at least 2",
        ));
    }
    if series.last_observed_time.is_none() {
        e.push(Error::required(&Path::new("series.lastObservedTime"), ""));
    }
}

/// A reference as upstream's internal type shows itself.
fn reference(it: &ObjectReference) -> Value {
    let text = |it: &Option<String>| json!(it.as_deref().unwrap_or_default());
    let fields = [
        ("Kind", text(&it.kind)),
        ("Namespace", text(&it.namespace)),
        ("Name", text(&it.name)),
        ("UID", text(&it.uid)),
        ("APIVersion", text(&it.api_version)),
        ("ResourceVersion", text(&it.resource_version)),
        ("FieldPath", text(&it.field_path)),
    ];
    let fields: Vec<_> = fields
        .iter()
        .map(|it| format!("\"{}\":{}", it.0, it.1))
        .collect();
    Value::shown(format!("{{{}}}", fields.join(",")))
}
