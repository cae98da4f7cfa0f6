//! Scales a workload by metrics (autoscaling/v2, the stored form).

#[cfg(test)]
mod tests;
mod validate;

use crate::{Cell, Column, Names, Strategy, Subresource, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2 as upstream;
use machinery::field::{ErrorList, Path};

/// The law of HorizontalPodAutoscaler.
pub(crate) struct HorizontalPodAutoscaler;

impl Strategy for HorizontalPodAutoscaler {
    type Object = upstream::HorizontalPodAutoscaler;

    fn names(&self) -> Names {
        Names::namespaced("horizontalpodautoscalers", "horizontalpodautoscaler")
            .short(&["hpa"])
            .categories(&["all"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("HorizontalPodAutoscaler")] }
    }

    fn default(&self, object: &mut upstream::HorizontalPodAutoscaler) {
        object.spec.min_replicas.get_or_insert(1);
        if object.spec.metrics.as_ref().is_none_or(Vec::is_empty) {
            object.spec.metrics = Some(vec![super::targets::cpu(super::targets::CPU_PERCENT)]);
        }
        if let Some(behavior) = &mut object.spec.behavior {
            let up = behavior.scale_up.get_or_insert_default();
            up.stabilization_window_seconds.get_or_insert(0);
            rules(up, &[("Pods", 4), ("Percent", 100)]);
            rules(
                behavior.scale_down.get_or_insert_default(),
                &[("Percent", 100)],
            );
        }
    }

    crate::prepare::spec_and_status!();

    fn validate(&self, object: &upstream::HorizontalPodAutoscaler) -> ErrorList {
        validate::spec(&object.spec, None)
    }

    fn validate_update(
        &self,
        new: &upstream::HorizontalPodAutoscaler,
        old: &upstream::HorizontalPodAutoscaler,
    ) -> ErrorList {
        validate::spec(&new.spec, Some(&old.spec))
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::HorizontalPodAutoscaler,
        _: &upstream::HorizontalPodAutoscaler,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        let status = new.status.clone().unwrap_or_default();
        let path = Path::new("status");
        let current = status.current_replicas;
        check::not_negative(&mut errors, &path.child("currentReplicas"), current);
        let desired = Some(status.desired_replicas);
        check::not_negative(&mut errors, &path.child("desiredReplicas"), desired);
        errors
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Reference",
                    "scaleTargetRef points to the target resource to scale, and is used to the pods for which metrics should be collected, as well as to actually change the replica count.",
                ),
                Column::text(
                    "Targets",
                    "metrics contains the specifications for which to use to calculate the desired replica count (the maximum replica count across all metrics will be used).  The desired replica count is calculated multiplying the ratio between the target value and the current value by the current number of pods.  Ergo, metrics used must decrease as the pod count is increased, and vice-versa.  See the individual metric source types for more information about how each type of metric must respond. If not set, the default metric will be set to 80% average CPU utilization.",
                ),
                Column::text(
                    "MinPods",
                    "minReplicas is the lower limit for the number of replicas to which the autoscaler can scale down.  It defaults to 1 pod.  minReplicas is allowed to be 0 if the alpha feature gate HPAScaleToZero is enabled and at least one Object or External metric is configured.  Scaling is active as long as at least one metric value is available.",
                ),
                Column::text(
                    "MaxPods",
                    "maxReplicas is the upper limit for the number of replicas to which the autoscaler can scale up. It cannot be less that minReplicas.",
                ),
                Column::text(
                    "Replicas",
                    "currentReplicas is current number of replicas of pods managed by this autoscaler, as last seen by the autoscaler.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::HorizontalPodAutoscaler, now: Timestamp) -> Vec<Cell> {
        let target = &object.spec.scale_target_ref;
        vec![
            columns::name(&object.metadata),
            format!("{}/{}", target.kind, target.name).into(),
            super::targets::text(object).into(),
            object
                .spec
                .min_replicas
                .map_or_else(|| "<unset>".to_owned(), |it| it.to_string())
                .into(),
            object.spec.max_replicas.into(),
            object
                .status
                .as_ref()
                .and_then(|it| it.current_replicas)
                .into(),
            columns::age(&object.metadata, now),
        ]
    }
}

/// How long a default policy counts.
const PERIOD_SECONDS: i32 = 15;

fn rules(rules: &mut upstream::HPAScalingRules, policies: &[(&str, i32)]) {
    rules.select_policy.get_or_insert_with(|| "Max".to_owned());
    let policy = |(type_, value): &(&str, i32)| upstream::HPAScalingPolicy {
        type_: (*type_).to_owned(),
        value: *value,
        period_seconds: PERIOD_SECONDS,
    };
    rules
        .policies
        .get_or_insert_with(|| policies.iter().map(policy).collect());
}
