//! What workloads have in common: a selector, a template that it matches, replicas, a scale.

use crate::check;
use k8s_openapi::{
    api::{
        autoscaling::v1::{Scale, ScaleSpec, ScaleStatus},
        core::v1::PodTemplateSpec,
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};
use machinery::{
    field::{Error, ErrorList, Path},
    int_or_string, labels, names,
};

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

/// Errors of a selector and the template it must match; `noun` is what messages call the kind.
pub(crate) fn selector_and_template(
    e: &mut ErrorList,
    noun: &str,
    path: &Path,
    selector: &LabelSelector,
    template: &PodTemplateSpec,
) {
    let at = path.child("selector");
    let found = labels::validate(selector, &at);
    let broken = !found.is_empty();
    e.extend(found);
    if *selector == LabelSelector::default() {
        // An absent selector selects nothing, so it cannot match the template either.
        e.push(Error::required(&at, ""));
        mismatch(e, &path.child("template"), template);
    } else if selector
        .match_labels
        .as_ref()
        .is_none_or(|it| it.is_empty())
        && selector
            .match_expressions
            .as_ref()
            .is_none_or(Vec::is_empty)
    {
        let text = format!("empty selector is invalid for {noun}");
        e.push(Error::invalid(&at, check::shown(Some(selector)), &text));
    }
    if !broken {
        matches(e, &path.child("template"), selector, template);
    }
    e.extend(crate::pod_spec::validate::template(
        template,
        &path.child("template"),
    ));
}

/// The template's labels must match.
pub(crate) fn matches(
    e: &mut ErrorList,
    path: &Path,
    selector: &LabelSelector,
    template: &PodTemplateSpec,
) {
    let own = template.metadata.as_ref().and_then(|it| it.labels.as_ref());
    if let Ok(parsed) = labels::Selector::from_typed(Some(selector))
        && !parsed.is_everything()
        && !parsed.matches(own)
    {
        mismatch(e, path, template);
    }
}

fn mismatch(e: &mut ErrorList, path: &Path, template: &PodTemplateSpec) {
    let own = template.metadata.as_ref().and_then(|it| it.labels.clone());
    let shown = serde_json::json!(own.unwrap_or_default());
    let path = path.child("metadata").child("labels");
    e.push(Error::invalid(
        &path,
        shown,
        "`selector` does not match template `labels`",
    ));
}

/// Templates whose pods a controller replaces must restart for ever.
pub(crate) fn restarts_always(e: &mut ErrorList, path: &Path, template: &PodTemplateSpec) {
    let spec = template.spec.as_ref();
    let path = path.child("template").child("spec");
    if let Some(policy) = spec
        .and_then(|it| it.restart_policy.as_deref())
        .filter(|it| *it != "Always")
    {
        e.push(Error::not_supported(
            &path.child("restartPolicy"),
            policy,
            &["Always"],
        ));
    }
    if spec.is_some_and(|it| it.active_deadline_seconds.is_some()) {
        let path = path.child("activeDeadlineSeconds");
        e.push(Error::forbidden(
            &path,
            "activeDeadlineSeconds in ReplicaSet is not Supported",
        ));
    }
}

/// A count or a percentage, not negative.
pub(crate) fn count_or_percent(e: &mut ErrorList, path: &Path, value: Option<&IntOrString>) {
    match value {
        Some(IntOrString::Int(number)) => check::not_negative(e, path, Some(*number)),
        Some(IntOrString::String(text)) => {
            check::messages(e, path, text, names::percent_errors(text))
        }
        None => {}
    }
}

/// A percentage above all there is.
pub(crate) fn not_above_all(e: &mut ErrorList, path: &Path, value: Option<&IntOrString>) {
    if let Some(value) = value
        && int_or_string::percent(value).is_some_and(|it| it > 100)
    {
        e.push(Error::invalid(
            path,
            int_or_string::text(value),
            "must not be greater than 100%",
        ));
    }
}

/// Whether it is zero or zero percent.
pub(crate) fn is_zero(value: Option<&IntOrString>) -> bool {
    match value {
        Some(IntOrString::Int(number)) => *number == 0,
        Some(it) => int_or_string::percent(it) == Some(0),
        None => true,
    }
}
