//! Errors of autoscalers: upstream's `ValidateHorizontalPodAutoscaler`.

use crate::{amounts, check, ratchet};
use k8s_openapi::{
    api::autoscaling::v2::{
        CrossVersionObjectReference, HPAScalingRules, HorizontalPodAutoscalerSpec,
        MetricIdentifier, MetricSpec, MetricTarget,
    },
    apimachinery::pkg::api::resource::Quantity as Wire,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
    quantity::Quantity,
};

const PERIOD_LIMIT_SECONDS: i32 = 1800;
const WINDOW_LIMIT_SECONDS: i32 = 3600;
const SOURCES: &[&str] = &[
    "ContainerResource",
    "External",
    "Object",
    "Pods",
    "Resource",
];
const SELECT: &[&str] = &["Disabled", "Max", "Min"];
const POLICIES: &[&str] = &["Percent", "Pods"];

/// Errors of a spec that is new, or follows `old`. One that was scaled to nothing before may stay so.
pub(super) fn spec(
    it: &HorizontalPodAutoscalerSpec,
    old: Option<&HorizontalPodAutoscalerSpec>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let path = Path::new("spec");
    let least = i32::from(old.is_none_or(|it| it.min_replicas != Some(0)));
    let (min, max) = (it.min_replicas, it.max_replicas);
    if let Some(min) = min.filter(|it| *it < least) {
        let text = format!("must be greater than or equal to {least}");
        e.push(Error::invalid(&path.child("minReplicas"), min, &text));
    }
    let at = path.child("maxReplicas");
    if max < 1 {
        e.push(Error::invalid(&at, max, "must be greater than 0"));
    }
    if min.is_some_and(|it| max < it) {
        let text = "must be greater than or equal to `minReplicas`";
        e.push(Error::invalid(&at, max, text));
    }
    let (at, target) = (path.child("scaleTargetRef"), &it.scale_target_ref);
    reference(e, &at, target);
    let same = |old: &CrossVersionObjectReference| {
        old.kind == target.kind && version(old) == version(target)
    };
    if !old.is_some_and(|old| same(&old.scale_target_ref)) {
        // The only kind of the core group that scales.
        let core = target.kind == "ReplicationController";
        api_version(e, &at, target, core);
    }
    let metrics = it.metrics.as_deref().unwrap_or_default();
    for (index, metric) in metrics.iter().enumerate() {
        self::metric(e, &path.child("metrics").index(index), metric);
    }
    let outside = |it: &MetricSpec| matches!(it.type_.as_str(), "Object" | "External");
    if min == Some(0) && !metrics.iter().any(outside) {
        let text = "must specify at least one Object or External metric to support scaling to zero replicas";
        e.push(Error::forbidden(&path.child("metrics"), text));
    }
    if let Some(behavior) = &it.behavior {
        let path = path.child("behavior");
        rules(e, &path.child("scaleUp"), behavior.scale_up.as_ref());
        rules(e, &path.child("scaleDown"), behavior.scale_down.as_ref());
    }
    errors
}

fn reference(e: &mut ErrorList, path: &Path, it: &CrossVersionObjectReference) {
    for (field, value) in [("kind", &it.kind), ("name", &it.name)] {
        let path = path.child(field);
        if check::required(e, &path, Some(value)) {
            check::messages(e, &path, value, names::path_segment_errors(value));
        }
    }
}

fn version(it: &CrossVersionObjectReference) -> &str {
    it.api_version.as_deref().unwrap_or_default()
}

/// Errors of a group and its version; `core` says whether the group may be empty.
fn api_version(e: &mut ErrorList, path: &Path, it: &CrossVersionObjectReference, core: bool) {
    let version = version(it);
    let path = path.child("apiVersion");
    let (group, rest) = version.split_once('/').unwrap_or(("", version));
    if rest.contains('/') {
        let text = format!("unexpected GroupVersion string: {version}");
        e.push(Error::invalid(&path, version, &text));
    } else if group.is_empty() && !core {
        let text = "apiVersion must specify API group";
        e.push(Error::invalid(&path, version, text));
    }
}

fn rules(e: &mut ErrorList, path: &Path, it: Option<&HPAScalingRules>) {
    let Some(it) = it else { return };
    let at = path.child("stabilizationWindowSeconds");
    match it.stabilization_window_seconds {
        Some(window) if window < 0 => {
            let text = "must be greater than or equal to zero";
            e.push(Error::invalid(&at, window, text));
        }
        Some(window) if window > WINDOW_LIMIT_SECONDS => {
            let text = format!("must be less than or equal to {WINDOW_LIMIT_SECONDS}");
            e.push(Error::invalid(&at, window, &text));
        }
        _ => {}
    }
    if let Some(policy) = it
        .select_policy
        .as_deref()
        .filter(|it| !SELECT.contains(it))
    {
        let path = path.child("selectPolicy");
        e.push(Error::not_supported(&path, policy, SELECT));
    }
    let tolerance = it
        .tolerance
        .as_ref()
        .and_then(|it| Quantity::from_wire(it).ok());
    if let Some(tolerance) = tolerance.filter(|it| it.is_negative()) {
        let path = path.child("tolerance");
        e.push(Error::invalid(
            &path,
            tolerance.to_string(),
            check::NOT_NEGATIVE,
        ));
    }
    let path = path.child("policies");
    let policies = it.policies.as_deref().unwrap_or_default();
    if policies.is_empty() {
        e.push(Error::required(&path, "must specify at least one Policy"));
    }
    for (index, policy) in policies.iter().enumerate() {
        let path = path.index(index);
        if !POLICIES.contains(&policy.type_.as_str()) {
            let path = path.child("type");
            e.push(Error::not_supported(&path, &policy.type_, POLICIES));
        }
        let positive = "must be greater than zero";
        if policy.value <= 0 {
            e.push(Error::invalid(&path.child("value"), policy.value, positive));
        }
        let (at, period) = (path.child("periodSeconds"), policy.period_seconds);
        if period <= 0 {
            e.push(Error::invalid(&at, period, positive));
        }
        if period > PERIOD_LIMIT_SECONDS {
            let text = format!("must be less than or equal to {PERIOD_LIMIT_SECONDS}");
            e.push(Error::invalid(&at, period, &text));
        }
    }
}

fn metric(e: &mut ErrorList, path: &Path, it: &MetricSpec) {
    let kind = it.type_.as_str();
    let at = path.child("type");
    if kind.is_empty() {
        e.push(Error::required(&at, "must specify a metric source type"));
    }
    if !SOURCES.contains(&kind) {
        e.push(Error::not_supported(&at, kind, SOURCES));
    }
    let given = [
        ("object", "Object", it.object.is_some()),
        ("external", "External", it.external.is_some()),
        ("pods", "Pods", it.pods.is_some()),
        ("resource", "Resource", it.resource.is_some()),
        (
            "containerResource",
            "ContainerResource",
            it.container_resource.is_some(),
        ),
    ];
    let present: Vec<_> = given.iter().filter(|it| it.2).collect();
    if let Some((field, _, _)) = present.first() {
        source(e, &path.child(field), field, it);
    }
    match given.iter().find(|it| it.1 == kind) {
        Some((field, _, false)) => {
            let text = "must populate information for the given metric source";
            e.push(Error::required(&path.child(field), text));
        }
        Some(_) => {}
        None => e.push(Error::not_supported(&at, kind, SOURCES)),
    }
    for (field, own, _) in present.iter().filter(|_| present.len() != 1) {
        if *own != kind {
            let text = "must populate the given metric source only";
            e.push(Error::forbidden(&path.child(field), text));
        }
    }
}

/// What each source asks of its target besides a well-formed one.
fn source(e: &mut ErrorList, path: &Path, field: &str, it: &MetricSpec) {
    let at = path.child("target");
    let value_or_average = |e: &mut ErrorList, target: &MetricTarget, text: &str| {
        if target.value.is_none() && target.average_value.is_none() {
            e.push(Error::required(&at.child("averageValue"), text));
        }
    };
    if let Some(it) = it.object.as_ref().filter(|_| field == "object") {
        let described = path.child("describedObject");
        reference(e, &described, &it.described_object);
        ratchet::late(e, "AllowInvalidAPIVersion", |e| {
            api_version(e, &described, &it.described_object, true);
        });
        identifier(e, &path.child("metric"), &it.metric);
        target(e, &at, &it.target);
        value_or_average(
            e,
            &it.target,
            "must set either a target value or averageValue",
        );
    } else if let Some(it) = it.external.as_ref().filter(|_| field == "external") {
        identifier(e, &path.child("metric"), &it.metric);
        target(e, &at, &it.target);
        let text = "must set either a target value for metric or a per-pod target";
        value_or_average(e, &it.target, text);
        if it.target.value.is_some() && it.target.average_value.is_some() {
            let text = "may not set both a target value for metric and a per-pod target";
            e.push(Error::forbidden(&at.child("value"), text));
        }
    } else if let Some(it) = it.pods.as_ref().filter(|_| field == "pods") {
        identifier(e, &path.child("metric"), &it.metric);
        target(e, &at, &it.target);
        if it.target.average_value.is_none() {
            let text = "must specify a positive target averageValue";
            e.push(Error::required(&at.child("averageValue"), text));
        }
    } else if let Some(it) = it.resource.as_ref().filter(|_| field == "resource") {
        named(
            e,
            &path.child("name"),
            &it.name,
            "must specify a resource name",
        );
        use_or_amount(e, &at, &it.target);
    } else if let Some(it) = &it.container_resource {
        let at_name = path.child("name");
        if named(e, &at_name, &it.name, "must specify a resource name") {
            amounts::container_name(e, &at_name, &it.name);
        }
        let container = path.child("container");
        if named(e, &container, &it.container, "must specify a container") {
            check::messages(
                e,
                &container,
                &it.container,
                names::label_errors(&it.container),
            );
        }
        use_or_amount(e, &at, &it.target);
    }
}

fn named(e: &mut ErrorList, path: &Path, name: &str, text: &str) -> bool {
    if name.is_empty() {
        e.push(Error::required(path, text));
    }
    !name.is_empty()
}

fn identifier(e: &mut ErrorList, path: &Path, it: &MetricIdentifier) {
    let path = path.child("name");
    if named(e, &path, &it.name, "must specify a metric name") {
        check::messages(e, &path, &it.name, names::path_segment_errors(&it.name));
    }
}

fn use_or_amount(e: &mut ErrorList, path: &Path, it: &MetricTarget) {
    target(e, path, it);
    match (it.average_utilization, &it.average_value) {
        (None, None) => {
            let text = "must set either a target raw value or a target utilization";
            e.push(Error::required(&path.child("averageUtilization"), text));
        }
        (Some(_), Some(_)) => {
            let text = "may not set both a target raw value and a target utilization";
            e.push(Error::forbidden(&path.child("averageValue"), text));
        }
        _ => {}
    }
}

fn target(e: &mut ErrorList, path: &Path, it: &MetricTarget) {
    let at = path.child("type");
    if it.type_.is_empty() {
        e.push(Error::required(&at, "must specify a metric target type"));
    }
    if !matches!(it.type_.as_str(), "Utilization" | "Value" | "AverageValue") {
        let text = "must be either Utilization, Value, or AverageValue";
        e.push(Error::invalid(&at, &it.type_, text));
    }
    let mut positive = |field: &str, amount: &Option<Wire>| {
        let amount = amount.as_ref().and_then(|it| Quantity::from_wire(it).ok());
        if let Some(amount) = amount.filter(|it| it.is_zero() || it.is_negative()) {
            let path = path.child(field);
            e.push(Error::invalid(
                &path,
                amount.to_string(),
                "must be positive",
            ));
        }
    };
    positive("value", &it.value);
    positive("averageValue", &it.average_value);
    if let Some(percent) = it.average_utilization.filter(|it| *it < 1) {
        let path = path.child("averageUtilization");
        e.push(Error::invalid(&path, percent, "must be greater than 0"));
    }
}
