//! One pod on every matching node.

use crate::{
    Cell, Column, Names, Strategy, Subresource, check, columns, pod_spec, prepare, workload,
};
use jiff::Timestamp;
use k8s_openapi::{api::apps::v1 as upstream, apimachinery::pkg::util::intstr::IntOrString};
use machinery::field::{ErrorList, Path};

/// The law of DaemonSet.
pub(crate) struct DaemonSet;

const REVISION_HISTORY_LIMIT: i32 = 10;

impl Strategy for DaemonSet {
    type Object = upstream::DaemonSet;

    fn names(&self) -> Names {
        Names::namespaced("daemonsets", "daemonset")
            .short(&["ds"])
            .categories(&["all"])
    }

    fn default(&self, object: &mut upstream::DaemonSet) {
        let Some(spec) = &mut object.spec else { return };
        let strategy = spec.update_strategy.get_or_insert_default();
        pod_spec::defaults::text(&mut strategy.type_, "RollingUpdate");
        if strategy.type_.as_deref() == Some("RollingUpdate") {
            let rolling = strategy.rolling_update.get_or_insert_default();
            rolling.max_unavailable.get_or_insert(IntOrString::Int(1));
            rolling.max_surge.get_or_insert(IntOrString::Int(0));
        }
        spec.revision_history_limit
            .get_or_insert(REVISION_HISTORY_LIMIT);
        pod_spec::defaults::template(&mut spec.template);
    }

    prepare::spec_and_status!();

    fn validate(&self, object: &upstream::DaemonSet) -> ErrorList {
        let mut errors = ErrorList::new();
        let e = &mut errors;
        let path = Path::new("spec");
        let empty = upstream::DaemonSetSpec::default();
        let spec = object.spec.as_ref().unwrap_or(&empty);
        workload::selector_and_template(e, "daemonset", &path, &spec.selector, &spec.template);
        workload::restarts_always(e, &path, &spec.template);
        check::not_negative(e, &path.child("minReadySeconds"), spec.min_ready_seconds);
        let strategy = spec.update_strategy.as_ref();
        let at = path.child("updateStrategy");
        let kinds = &["OnDelete", "RollingUpdate"];
        check::one_of(
            e,
            &at.child("type"),
            strategy.and_then(|it| it.type_.as_ref()),
            kinds,
        );
        if let Some(rolling) = strategy.and_then(|it| it.rolling_update.as_ref()) {
            let at = at.child("rollingUpdate");
            workload::count_or_percent(
                e,
                &at.child("maxUnavailable"),
                rolling.max_unavailable.as_ref(),
            );
            workload::count_or_percent(e, &at.child("maxSurge"), rolling.max_surge.as_ref());
        }
        check::not_negative(
            e,
            &path.child("revisionHistoryLimit"),
            spec.revision_history_limit,
        );
        errors
    }

    fn validate_update(&self, new: &upstream::DaemonSet, old: &upstream::DaemonSet) -> ErrorList {
        let mut errors = self.validate(new);
        let selector = |it: &upstream::DaemonSet| it.spec.as_ref().map(|it| it.selector.clone());
        let path = Path::new("spec").child("selector");
        check::immutable(
            &mut errors,
            &path,
            selector(new) == selector(old),
            check::shown(selector(new).as_ref()),
        );
        errors
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::number("Desired", "The total number of nodes that should be running the daemon pod (including nodes correctly running the daemon pod). More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/"),
                Column::number("Current", "The number of nodes that are running at least 1 daemon pod and are supposed to run the daemon pod. More info: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/"),
                Column::number("Ready", "numberReady is the number of nodes that should be running the daemon pod and have one or more of the daemon pod running with a Ready Condition."),
                Column::number("Up-to-date", "The total number of nodes that are running updated daemon pod"),
                Column::number("Available", "The number of nodes that should be running the daemon pod and have one or more of the daemon pod running and available (ready for at least spec.minReadySeconds)"),
                Column::text("Node Selector", "NodeSelector is a selector which must be true for the pod to fit on a node. Selector which must match a node's labels for the pod to be scheduled on that node. More info: https://kubernetes.io/docs/concepts/configuration/assign-pod-node/"),
                Column::AGE,
                Column::CONTAINERS,
                Column::IMAGES,
                Column::text("Selector", "A label query over pods that are managed by the daemon set. Must match in order to be controlled. It must match the pod template's labels. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors").wide(),
            ]
        }
    }

    fn row(&self, object: &upstream::DaemonSet, now: Timestamp) -> Vec<Cell> {
        let status = object.status.clone().unwrap_or_default();
        let spec = object.spec.as_ref();
        let pods = spec.and_then(|it| it.template.spec.as_ref());
        let [containers, images] = columns::containers_and_images(pods);
        vec![
            columns::name(&object.metadata),
            status.desired_number_scheduled.into(),
            status.current_number_scheduled.into(),
            status.number_ready.into(),
            status.updated_number_scheduled.into(),
            status.number_available.into(),
            columns::labels(pods.and_then(|it| it.node_selector.as_ref())).into(),
            columns::age(&object.metadata, now),
            containers,
            images,
            machinery::labels::describe(spec.map(|it| &it.selector)).into(),
        ]
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("DaemonSet")] }
    }
}
