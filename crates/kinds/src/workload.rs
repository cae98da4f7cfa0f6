//! What workloads have in common: a selector, a template that it matches, replicas, a scale, counts in
//! their status, and the last columns of `get -o wide`.

use crate::{Cell, check, columns, pod_spec};
use api::{DecodeError, Object};
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        autoscaling::v1::{Scale, ScaleSpec, ScaleStatus},
        core::v1::{PodSpec, PodTemplateSpec},
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};
use machinery::{
    field::{Error, ErrorList, Path, Value},
    int_or_string, labels, names,
};
use std::collections::BTreeMap;

/// Upstream's text for a selector that it cannot read.
pub(crate) const UNREADABLE: &str = "invalid label selector";

/// The object seen as a Scale.
pub(crate) fn scale(
    metadata: &ObjectMeta,
    wanted: Option<i32>,
    running: i32,
    selector: &LabelSelector,
) -> Scale {
    let selector = labels::describe(Some(selector));
    Scale {
        metadata: ObjectMeta {
            name: metadata.name.clone(),
            namespace: metadata.namespace.clone(),
            uid: metadata.uid.clone(),
            resource_version: metadata.resource_version.clone(),
            creation_timestamp: metadata.creation_timestamp.clone(),
            ..ObjectMeta::default()
        },
        spec: Some(ScaleSpec {
            replicas: Some(wanted.unwrap_or(0)),
        }),
        status: Some(ScaleStatus {
            replicas: running,
            selector: Some(selector),
        }),
    }
}

/// Reads a workload and keeps whether its selector was given: k8s-openapi reads `{}` and nothing as the same,
/// so an empty selector that was given gets an empty list of labels.
pub(crate) fn read<O: Object>(
    json: &[u8],
    selector: impl FnOnce(&mut O) -> Option<&mut LabelSelector>,
) -> Result<O, DecodeError> {
    let mut object = O::decode(json)?;
    let empty = selector(&mut object).filter(|it| **it == LabelSelector::default());
    if let Some(selector) = empty {
        let tree = serde_json::from_slice::<serde_json::Value>(json).unwrap_or_default();
        if tree
            .pointer("/spec/selector")
            .is_some_and(|it| !it.is_null())
        {
            selector.match_labels = Some(BTreeMap::new());
        }
    }
    Ok(object)
}

/// How a workload is read: see [`read`].
macro_rules! reads_selector {
    () => {
        fn read(&self, json: &[u8]) -> Result<Self::Object, api::DecodeError> {
            crate::workload::read(json, |it: &mut Self::Object| {
                it.spec.as_mut().map(|it| &mut it.selector)
            })
        }
    };
}
pub(crate) use reads_selector;

/// Whether no selector was given at all: see [`read`].
fn is_absent(selector: &LabelSelector) -> bool {
    *selector == LabelSelector::default()
}

/// Errors of a selector that must be given and select something; `noun` is what messages call the kind.
pub(crate) fn selector(e: &mut ErrorList, path: &Path, selector: &LabelSelector, noun: &str) {
    if is_absent(selector) {
        return e.push(Error::required(path, ""));
    }
    e.extend(labels::validate(selector, path));
    not_empty(e, path, selector, noun);
}

/// Errors of a selector that was given but would select everything.
pub(crate) fn not_empty(e: &mut ErrorList, path: &Path, selector: &LabelSelector, noun: &str) {
    if !is_absent(selector) && is_empty(selector) {
        let text = format!("empty selector is invalid for {noun}");
        e.push(Error::invalid(path, check::shown(Some(selector)), &text));
    }
}

fn is_empty(selector: &LabelSelector) -> bool {
    let labels = selector.match_labels.as_ref();
    let expressions = selector.match_expressions.as_ref();
    labels.is_none_or(BTreeMap::is_empty) && expressions.is_none_or(Vec::is_empty)
}

/// The template's labels must match. An absent selector selects nothing, so it does not.
pub(crate) fn matches(
    e: &mut ErrorList,
    path: &Path,
    selector: &LabelSelector,
    template: &PodTemplateSpec,
) {
    let own = template.metadata.as_ref().and_then(|it| it.labels.as_ref());
    let Ok(parsed) = labels::Selector::from_typed(Some(selector)) else {
        return;
    };
    if is_absent(selector) || !parsed.matches(own) {
        mismatch(e, path, own);
    }
}

/// Whether a selector can be read at all; what is below it is not looked at otherwise.
pub(crate) fn readable(
    e: &mut ErrorList,
    path: &Path,
    selector: &LabelSelector,
    fault: &str,
) -> bool {
    let good = labels::Selector::from_typed(Some(selector)).is_ok();
    if !good {
        let path = path.child("selector");
        e.push(Error::invalid(&path, check::shown(Some(selector)), fault));
    }
    good
}

/// That a selector does not match the template's labels.
pub(crate) fn mismatch(e: &mut ErrorList, path: &Path, own: Option<&BTreeMap<String, String>>) {
    let shown = serde_json::json!(own.cloned().unwrap_or_default());
    let text = "`selector` does not match template `labels`";
    e.push(Error::invalid(&path.child("metadata.labels"), shown, text));
}

/// Errors of the template of a controller that replaces its pods for ever; `kind` is its name.
pub(crate) fn template(e: &mut ErrorList, path: &Path, template: &PodTemplateSpec, kind: &str) {
    e.extend(pod_spec::validate::template(template, path));
    restarts_always(e, path, template, kind);
}

/// Templates whose pods a controller replaces must restart for ever.
pub(crate) fn restarts_always(
    e: &mut ErrorList,
    path: &Path,
    template: &PodTemplateSpec,
    kind: &str,
) {
    let spec = template.spec.as_ref();
    let policy = spec.and_then(|it| it.restart_policy.as_deref());
    if policy != Some("Always") {
        let at = path.child("spec.restartPolicy");
        let policy = policy.unwrap_or_default();
        e.push(Error::not_supported(&at, policy, &["Always"]));
    }
    if spec.is_some_and(|it| it.active_deadline_seconds.is_some()) {
        let text = format!("activeDeadlineSeconds in {kind} is not Supported");
        let at = path.child("spec.activeDeadlineSeconds");
        e.push(Error::forbidden(&at, &text));
    }
}

/// A count or a percentage, not negative.
pub(crate) fn count_or_percent(e: &mut ErrorList, path: &Path, value: Option<&IntOrString>) {
    match value {
        Some(IntOrString::Int(number)) => check::not_negative(e, path, Some(*number)),
        Some(IntOrString::String(text)) => {
            check::messages(e, path, text, names::percent_errors(text));
        }
        None => {}
    }
}

/// A percentage above all there is.
pub(crate) fn not_above_all(e: &mut ErrorList, path: &Path, value: Option<&IntOrString>) {
    if let Some(value) = value.filter(|it| int_or_string::percent(it).is_some_and(|it| it > 100)) {
        e.push(Error::invalid(
            path,
            shown(value),
            "must not be greater than 100%",
        ));
    }
}

/// A strategy of an unknown type as messages show it.
pub(crate) fn strategy_shown(kind: &str) -> Value {
    Value::fields([
        ("Type", kind.into()),
        ("RollingUpdate", Value::shown("null")),
    ])
}

/// A count or percentage as messages show it.
pub(crate) fn shown(value: &IntOrString) -> Value {
    match value {
        IntOrString::Int(number) => (*number).into(),
        IntOrString::String(text) => text.into(),
    }
}

/// Whether it is zero or zero percent. What is neither counts as zero.
pub(crate) fn is_zero(value: Option<&IntOrString>) -> bool {
    match value {
        Some(IntOrString::Int(number)) => *number == 0,
        Some(it) => int_or_string::percent(it).unwrap_or(0) == 0,
        None => true,
    }
}

/// Errors of the counts of a status, none of which is negative.
pub(crate) fn counts(e: &mut ErrorList, path: &Path, counts: &[(&str, Option<i64>)]) {
    for (field, count) in counts {
        check::not_negative(e, &path.child(field), *count);
    }
}

/// Errors of a count that is part of a larger one.
pub(crate) fn part_of(e: &mut ErrorList, path: &Path, part: (&str, i32), whole: (&str, i32)) {
    if part.1 > whole.1 {
        let text = format!("cannot be greater than {}", whole.0);
        e.push(Error::invalid(&path.child(part.0), part.1, &text));
    }
}

/// Errors of a status whose `first` kind of pods, those that are ready and those that are available are
/// parts of `all`.
pub(crate) fn parts(
    e: &mut ErrorList,
    path: &Path,
    all: i32,
    first: (&str, Option<i32>),
    ready: Option<i32>,
    available: Option<i32>,
) {
    let all = ("status.replicas", all);
    let ready = ("readyReplicas", ready.unwrap_or(0));
    let available = ("availableReplicas", available.unwrap_or(0));
    for part in [(first.0, first.1.unwrap_or(0)), ready, available] {
        part_of(e, path, part, all);
    }
    part_of(e, path, available, ready);
}

/// The count of names that were taken already only grows.
pub(crate) fn collisions(e: &mut ErrorList, path: &Path, new: Option<i32>, old: Option<i32>) {
    if old.is_some_and(|old| new.is_none_or(|new| new < old)) {
        let path = path.child("collisionCount");
        e.push(Error::invalid(
            &path,
            new.unwrap_or(0),
            "cannot be decremented",
        ));
    }
}

/// Warnings of a template, and of a name that its pods' names begin with. An update warns only about a
/// new spec, or every status would repeat it.
pub(crate) fn warnings(
    new: &ObjectMeta,
    old: Option<&ObjectMeta>,
    path: &Path,
    template: Option<&PodTemplateSpec>,
    named: bool,
) -> Vec<String> {
    if old.is_some_and(|old| old.generation == new.generation) {
        return Vec::new();
    }
    let name = (named && old.is_none())
        .then(|| pod_spec::warnings::name(new, "Pod names and hostnames"))
        .flatten();
    let rest = template.map(|it| pod_spec::warnings::template(it, path));
    name.into_iter().chain(rest.into_iter().flatten()).collect()
}

/// The cells of Age, Containers and Images.
pub(crate) fn tail(metadata: &ObjectMeta, now: Timestamp, spec: Option<&PodSpec>) -> [Cell; 3] {
    let [containers, images] = columns::containers_and_images(spec);
    [columns::age(metadata, now), containers, images]
}
