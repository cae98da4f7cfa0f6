//! One pod on every matching node.

use crate::{
    Cell, Column, Context, Names, Strategy, Subresource, check, columns, pod_spec, prepare,
    workload,
};
use jiff::Timestamp;
use k8s_openapi::{api::apps::v1 as upstream, apimachinery::pkg::util::intstr::IntOrString};
use machinery::{
    field::{Error, ErrorList, Path},
    labels,
};

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

    workload::reads_selector!();

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

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut upstream::DaemonSet) {
        object.status = Some(Default::default());
        prepare::first_generation(&mut object.metadata);
        set_templates(object, 1);
    }

    fn prepare_for_update(
        &self,
        _: &Context<'_>,
        new: &mut upstream::DaemonSet,
        old: &upstream::DaemonSet,
    ) {
        new.status.clone_from(&old.status);
        prepare::next_generation(&mut new.metadata, &old.metadata, new.spec != old.spec);
        let template = |it: &upstream::DaemonSet| it.spec.as_ref().map(|it| it.template.clone());
        let changed = template(new) != template(old);
        set_templates(new, templates(old) + i64::from(changed));
    }

    prepare::status!();

    fn pod_spec<'a>(
        &self,
        object: &'a mut upstream::DaemonSet,
    ) -> Option<&'a mut k8s_openapi::api::core::v1::PodSpec> {
        object.spec.as_mut()?.template.spec.as_mut()
    }

    fn validate(&self, object: &upstream::DaemonSet) -> ErrorList {
        let mut errors = ErrorList::new();
        let e = &mut errors;
        let path = Path::new("spec");
        let empty = upstream::DaemonSetSpec::default();
        let spec = object.spec.as_ref().unwrap_or(&empty);
        let at = path.child("template");
        let selector = path.child("selector");
        e.extend(labels::validate(&spec.selector, &selector));
        workload::matches(e, &at, &spec.selector, &spec.template);
        workload::not_empty(e, &selector, &spec.selector, "daemonset");
        workload::template(e, &at, &spec.template, "DaemonSet");
        check::not_negative(e, &path.child("minReadySeconds"), spec.min_ready_seconds);
        strategy(
            e,
            &path.child("updateStrategy"),
            spec.update_strategy.as_ref(),
        );
        let limit = spec.revision_history_limit;
        check::not_negative(e, &path.child("revisionHistoryLimit"), limit);
        errors
    }

    fn validate_update(&self, new: &upstream::DaemonSet, old: &upstream::DaemonSet) -> ErrorList {
        let mut errors = ErrorList::new();
        let [after, before] = [new, old].map(|it| it.spec.as_ref().map(|it| &it.selector));
        check::same_selector(&mut errors, after, before);
        errors.extend(self.validate(new));
        errors
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::DaemonSet,
        old: &upstream::DaemonSet,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        let (e, path) = (&mut errors, Path::new("status"));
        let it = new.status.clone().unwrap_or_default();
        let wide = |it: Option<i32>| it.map(i64::from);
        let table = [
            (
                "currentNumberScheduled",
                Some(it.current_number_scheduled.into()),
            ),
            ("numberMisscheduled", Some(it.number_misscheduled.into())),
            (
                "desiredNumberScheduled",
                Some(it.desired_number_scheduled.into()),
            ),
            ("numberReady", Some(it.number_ready.into())),
            ("observedGeneration", it.observed_generation),
            ("updatedNumberScheduled", wide(it.updated_number_scheduled)),
            ("numberAvailable", wide(it.number_available)),
            ("numberUnavailable", wide(it.number_unavailable)),
            ("collisionCount", wide(it.collision_count)),
        ];
        workload::counts(e, &path, &table);
        let before = old.status.as_ref().and_then(|it| it.collision_count);
        workload::collisions(e, &path, it.collision_count, before);
        errors
    }

    fn warnings(
        &self,
        new: &upstream::DaemonSet,
        old: Option<&upstream::DaemonSet>,
    ) -> Vec<String> {
        let template = new.spec.as_ref().map(|it| &it.template);
        let old = old.map(|it| &it.metadata);
        let path = Path::new("spec.template");
        workload::warnings(&new.metadata, old, &path, template, false)
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
        let own = [
            columns::name(&object.metadata),
            status.desired_number_scheduled.into(),
            status.current_number_scheduled.into(),
            status.number_ready.into(),
            status.updated_number_scheduled.into(),
            status.number_available.into(),
            columns::labels(pods.and_then(|it| it.node_selector.as_ref())).into(),
        ];
        let tail = workload::tail(&object.metadata, now, pods);
        let selector = machinery::labels::describe(spec.map(|it| &it.selector)).into();
        own.into_iter().chain(tail).chain([selector]).collect()
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("DaemonSet")] }
    }
}

/// Counts the changes of the template, in an annotation since the field is gone.
const TEMPLATES: &str = "deprecated.daemonset.template.generation";

fn templates(object: &upstream::DaemonSet) -> i64 {
    let count = machinery::workloads::annotation(&object.metadata, TEMPLATES);
    count.and_then(|it| it.parse().ok()).unwrap_or(0)
}

fn set_templates(object: &mut upstream::DaemonSet, count: i64) {
    machinery::workloads::set_annotation(&mut object.metadata, TEMPLATES, &count.to_string());
}

fn strategy(e: &mut ErrorList, path: &Path, it: Option<&upstream::DaemonSetUpdateStrategy>) {
    let strategy = it.cloned().unwrap_or_default();
    match (
        strategy.type_.as_deref().unwrap_or_default(),
        strategy.rolling_update,
    ) {
        ("OnDelete", _) => {}
        ("RollingUpdate", None) => e.push(Error::required(&path.child("rollingUpdate"), "")),
        ("RollingUpdate", Some(it)) => {
            let path = path.child("rollingUpdate");
            let (gone, surge) = (it.max_unavailable.as_ref(), it.max_surge.as_ref());
            let (gone_at, surge_at) = (path.child("maxUnavailable"), path.child("maxSurge"));
            workload::count_or_percent(e, &gone_at, gone);
            workload::count_or_percent(e, &surge_at, surge);
            workload::not_above_all(e, &gone_at, gone);
            workload::not_above_all(e, &surge_at, surge);
            match (
                workload::is_zero(gone),
                surge.filter(|it| !workload::is_zero(Some(it))),
            ) {
                (false, Some(surge)) => {
                    let text = "may not be set when maxUnavailable is non-zero";
                    e.push(Error::invalid(&surge_at, workload::shown(surge), text));
                }
                (true, None) => e.push(Error::required(&gone_at, "cannot be 0 when maxSurge is 0")),
                _ => {}
            }
        }
        (other, _) => {
            let shown = workload::strategy_shown(other);
            let list = &["RollingUpdate", "OnDelete"];
            e.push(Error::not_supported(path, shown, list));
        }
    }
}
