//! autoscaling/v1 HorizontalPodAutoscaler: a view of the v2 form, in which it is stored. What v1
//! cannot say travels in annotations, so that a client of v1 loses nothing of it.

use super::targets;
use crate::{
    Cell, Column, Hub, Names, Strategy, Subresource,
    autoscaling::horizontal_pod_autoscaler as v2_law,
};
use api::{AnyObject, Object};
use jiff::Timestamp;
use k8s_openapi::api::autoscaling::{v1 as upstream, v2};

/// The law of HorizontalPodAutoscaler.
pub(crate) struct HorizontalPodAutoscaler;

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

static HUB: Hub = Hub {
    group: "autoscaling",
    version: "v2",
    to_hub: |object| Some(Box::new(to_v2(object.downcast_ref()?)) as Box<dyn AnyObject>),
    from_hub: |object| Some(Box::new(from_v2(object.downcast_ref()?)) as Box<dyn AnyObject>),
    fields: &[],
};

impl Strategy for HorizontalPodAutoscaler {
    type Object = upstream::HorizontalPodAutoscaler;

    fn names(&self) -> Names {
        Names::namespaced("horizontalpodautoscalers", "horizontalpodautoscaler")
            .short(&["hpa"])
            .categories(&["all"])
    }

    fn hub(&self) -> Option<&'static Hub> {
        Some(&HUB)
    }

    fn default(&self, object: &mut upstream::HorizontalPodAutoscaler) {
        object.spec.min_replicas.get_or_insert(1);
    }

    crate::prepare::spec_and_status!();

    fn validate(&self, object: &upstream::HorizontalPodAutoscaler) -> machinery::field::ErrorList {
        v2_law::HorizontalPodAutoscaler.validate(&to_v2(object))
    }

    fn validate_update(
        &self,
        new: &upstream::HorizontalPodAutoscaler,
        old: &upstream::HorizontalPodAutoscaler,
    ) -> machinery::field::ErrorList {
        v2_law::HorizontalPodAutoscaler.validate_update(&to_v2(new), &to_v2(old))
    }

    fn columns(&self) -> &'static [Column] {
        v2_law::HorizontalPodAutoscaler.columns()
    }

    fn row(&self, object: &upstream::HorizontalPodAutoscaler, now: Timestamp) -> Vec<Cell> {
        v2_law::HorizontalPodAutoscaler.row(&to_v2(object), now)
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("HorizontalPodAutoscaler")] }
    }
}

fn to_v2(view: &upstream::HorizontalPodAutoscaler) -> v2::HorizontalPodAutoscaler {
    let view = view.clone();
    let mut metadata = view.metadata;
    let mut taken = |key: &str| {
        let text = metadata.annotations.as_mut()?.remove(key)?;
        serde_json::from_str::<serde_json::Value>(&text).ok()
    };
    let kept = serde_json::json!({ "metadata": {}, "spec": { "maxReplicas": 1, "scaleTargetRef": { "kind": "", "name": "" },
        "metrics": taken(METRICS).unwrap_or_default(), "behavior": taken(BEHAVIOR).unwrap_or_default() } });
    let kept = v2::HorizontalPodAutoscaler::decode(kept.to_string().as_bytes())
        .unwrap_or_default()
        .spec;
    let cpu = view
        .spec
        .target_cpu_utilization_percentage
        .map(targets::cpu);
    let mut metrics: Vec<_> = cpu
        .into_iter()
        .chain(kept.metrics.unwrap_or_default())
        .collect();
    if metrics.is_empty() {
        metrics.push(targets::cpu(targets::CPU_PERCENT));
    }
    let target = view.spec.scale_target_ref;
    v2::HorizontalPodAutoscaler {
        metadata,
        spec: v2::HorizontalPodAutoscalerSpec {
            behavior: kept.behavior,
            max_replicas: view.spec.max_replicas,
            metrics: Some(metrics),
            min_replicas: view.spec.min_replicas,
            scale_target_ref: v2::CrossVersionObjectReference {
                api_version: target.api_version,
                kind: target.kind,
                name: target.name,
            },
        },
        status: view.status.map(|it| v2::HorizontalPodAutoscalerStatus {
            current_metrics: it.current_cpu_utilization_percentage.map(|percent| {
                vec![v2::MetricStatus {
                    type_: "Resource".to_owned(),
                    resource: Some(v2::ResourceMetricStatus {
                        name: "cpu".to_owned(),
                        current: v2::MetricValueStatus {
                            average_utilization: Some(percent),
                            ..Default::default()
                        },
                    }),
                    ..Default::default()
                }]
            }),
            current_replicas: Some(it.current_replicas),
            desired_replicas: it.desired_replicas,
            last_scale_time: it.last_scale_time,
            observed_generation: it.observed_generation,
            conditions: None,
        }),
    }
}

fn from_v2(stored: &v2::HorizontalPodAutoscaler) -> upstream::HorizontalPodAutoscaler {
    let mut rest = stored.clone();
    let metrics = rest.spec.metrics.take().unwrap_or_default();
    let is_cpu = |it: &v2::MetricSpec| {
        it.resource
            .as_ref()
            .is_some_and(|it| it.name == "cpu" && it.target.average_utilization.is_some())
    };
    let cpu = metrics
        .iter()
        .find(|it| is_cpu(it))
        .and_then(|it| it.resource.as_ref()?.target.average_utilization);
    let mut found = false;
    let others: Vec<_> = metrics
        .into_iter()
        .filter(|it| {
            found || !is_cpu(it) || {
                found = true;
                false
            }
        })
        .collect();
    rest.spec.metrics = (!others.is_empty()).then_some(others);
    let tree: serde_json::Value =
        serde_json::from_slice(&Object::encode(&rest)).unwrap_or_default();
    let mut metadata = rest.metadata;
    for (key, field) in [(METRICS, "metrics"), (BEHAVIOR, "behavior")] {
        if let Some(value) = tree["spec"].get(field) {
            metadata
                .annotations
                .get_or_insert_default()
                .insert(key.to_owned(), value.to_string());
        }
    }
    let target = rest.spec.scale_target_ref;
    upstream::HorizontalPodAutoscaler {
        metadata,
        spec: upstream::HorizontalPodAutoscalerSpec {
            max_replicas: rest.spec.max_replicas,
            min_replicas: rest.spec.min_replicas,
            scale_target_ref: upstream::CrossVersionObjectReference {
                api_version: target.api_version,
                kind: target.kind,
                name: target.name,
            },
            target_cpu_utilization_percentage: cpu,
        },
        status: rest
            .status
            .map(|it| upstream::HorizontalPodAutoscalerStatus {
                current_cpu_utilization_percentage: targets::current_cpu(
                    it.current_metrics.as_deref().unwrap_or_default(),
                ),
                current_replicas: it.current_replicas.unwrap_or(0),
                desired_replicas: it.desired_replicas,
                last_scale_time: it.last_scale_time,
                observed_generation: it.observed_generation,
            }),
    }
}
