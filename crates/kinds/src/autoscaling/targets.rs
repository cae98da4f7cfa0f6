//! What an autoscaler aims at, as kubectl shows it, and the CPU target both versions know.

use k8s_openapi::api::autoscaling::v2::{
    HorizontalPodAutoscaler, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus,
    ResourceMetricSource,
};

/// How many targets are listed before the rest is counted.
const LISTED_TARGETS: usize = 2;

/// The target when none is given.
pub(super) const CPU_PERCENT: i32 = 80;

/// A target of CPU use in percent of the request.
pub(super) fn cpu(percent: i32) -> MetricSpec {
    MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource {
            name: "cpu".to_owned(),
            target: MetricTarget {
                type_: "Utilization".to_owned(),
                average_utilization: Some(percent),
                ..MetricTarget::default()
            },
        }),
        ..MetricSpec::default()
    }
}

/// The current percentage of CPU use.
pub(super) fn current_cpu(metrics: &[MetricStatus]) -> Option<i32> {
    let resources = metrics.iter().filter_map(|it| it.resource.as_ref());
    resources
        .filter(|it| it.name == "cpu")
        .find_map(|it| it.current.average_utilization)
}

/// `cpu: 12%/80%, memory: 5Mi/10Mi + 1 more...`
pub(super) fn text(object: &HorizontalPodAutoscaler) -> String {
    let specs = object.spec.metrics.as_deref().unwrap_or_default();
    let current = object
        .status
        .as_ref()
        .and_then(|it| it.current_metrics.as_deref())
        .unwrap_or_default();
    if specs.is_empty() {
        return "<none>".to_owned();
    }
    let shown: Vec<_> = specs
        .iter()
        .enumerate()
        .map(|(index, spec)| one(spec, current.get(index)))
        .collect();
    let listed = shown[..shown.len().min(LISTED_TARGETS)].join(", ");
    match shown.len() {
        count if count > LISTED_TARGETS => format!("{listed} + {} more...", count - LISTED_TARGETS),
        _ => listed,
    }
}

fn one(spec: &MetricSpec, status: Option<&MetricStatus>) -> String {
    let (name, target, current) = if let Some(it) = &spec.resource {
        (
            format!("{}: ", it.name),
            &it.target,
            status
                .and_then(|it| it.resource.as_ref())
                .map(|it| &it.current),
        )
    } else if let Some(it) = &spec.container_resource {
        (
            format!("{}: ", it.name),
            &it.target,
            status
                .and_then(|it| it.container_resource.as_ref())
                .map(|it| &it.current),
        )
    } else if let Some(it) = &spec.pods {
        (
            String::new(),
            &it.target,
            status.and_then(|it| it.pods.as_ref()).map(|it| &it.current),
        )
    } else if let Some(it) = &spec.object {
        (
            String::new(),
            &it.target,
            status
                .and_then(|it| it.object.as_ref())
                .map(|it| &it.current),
        )
    } else if let Some(it) = &spec.external {
        (
            String::new(),
            &it.target,
            status
                .and_then(|it| it.external.as_ref())
                .map(|it| &it.current),
        )
    } else {
        return "<unknown type>".to_owned();
    };
    let now = current.map_or_else(|| "<unknown>".to_owned(), |it| value(target, it));
    let average = if target.average_value.is_some()
        && spec.resource.is_none()
        && spec.container_resource.is_none()
        && spec.pods.is_none()
    {
        " (avg)"
    } else {
        ""
    };
    let wanted = MetricValueStatus {
        average_utilization: target.average_utilization,
        average_value: target.average_value.clone(),
        value: target.value.clone(),
    };
    let wanted = value(target, &wanted);
    let wanted = if wanted == "<unknown>" {
        "<auto>".to_owned()
    } else {
        wanted
    };
    format!("{name}{now}/{wanted}{average}")
}

fn value(target: &MetricTarget, value: &MetricValueStatus) -> String {
    let amount = if target.average_value.is_some() {
        value.average_value.as_ref().map(|it| it.0.clone())
    } else if target.value.is_some() {
        value.value.as_ref().map(|it| it.0.clone())
    } else {
        value.average_utilization.map(|it| format!("{it}%"))
    };
    amount.unwrap_or_else(|| "<unknown>".to_owned())
}
