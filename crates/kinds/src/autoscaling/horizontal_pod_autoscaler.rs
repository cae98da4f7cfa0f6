//! Scales a workload by metrics (autoscaling/v2, the stored form).

use crate::{Cell, Column, Names, Strategy, Subresource, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2 as upstream;

use machinery::field::{Error, ErrorList, Path};

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
            object.spec.metrics = Some(vec![super::targets::cpu(CPU_PERCENT)]);
        }
    }

    crate::prepare::spec_and_status!();

    fn validate(&self, object: &upstream::HorizontalPodAutoscaler) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec");
        let spec = &object.spec;
        if let Some(least) = spec.min_replicas.filter(|it| *it < 1) {
            errors.push(Error::invalid(
                &path.child("minReplicas"),
                least,
                "must be greater than or equal to 1",
            ));
        }
        if spec.max_replicas < 1 {
            errors.push(Error::invalid(
                &path.child("maxReplicas"),
                spec.max_replicas,
                "must be greater than 0",
            ));
        }
        if spec.min_replicas.is_some_and(|it| spec.max_replicas < it) {
            errors.push(Error::invalid(
                &path.child("maxReplicas"),
                spec.max_replicas,
                "must be greater than or equal to `minReplicas`",
            ));
        }
        let path = path.child("scaleTargetRef");
        check::required(
            &mut errors,
            &path.child("kind"),
            Some(&spec.scale_target_ref.kind),
        );
        check::required(
            &mut errors,
            &path.child("name"),
            Some(&spec.scale_target_ref.name),
        );
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

/// The target when none is given.
const CPU_PERCENT: i32 = 80;
