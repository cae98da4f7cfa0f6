//! Declarative updates for stateless pods.

use crate::{
    Cell, Column, Context, Names, Strategy, Subresource, check, columns, pod_spec, prepare,
    workload,
};
use jiff::Timestamp;
use k8s_openapi::{
    api::{apps::v1 as upstream, autoscaling::v1::Scale},
    apimachinery::pkg::util::intstr::IntOrString,
};
use machinery::{
    apply::Resets,
    field::{Error, ErrorList, Path},
};

/// The law of Deployment.
pub(crate) struct Deployment;

const PROGRESS_DEADLINE_SECONDS: i32 = 600;
const REVISION_HISTORY_LIMIT: i32 = 10;
const STEP: &str = "25%";

impl Strategy for Deployment {
    type Object = upstream::Deployment;

    fn names(&self) -> Names {
        Names::namespaced("deployments", "deployment")
            .short(&["deploy"])
            .categories(&["all"])
    }

    workload::reads_selector!();

    fn default(&self, object: &mut upstream::Deployment) {
        let Some(spec) = &mut object.spec else { return };
        spec.replicas.get_or_insert(1);
        spec.revision_history_limit
            .get_or_insert(REVISION_HISTORY_LIMIT);
        spec.progress_deadline_seconds
            .get_or_insert(PROGRESS_DEADLINE_SECONDS);
        let strategy = spec.strategy.get_or_insert_default();
        pod_spec::defaults::text(&mut strategy.type_, "RollingUpdate");
        if strategy.type_.as_deref() == Some("RollingUpdate") {
            let step = || IntOrString::String(STEP.to_owned());
            let rolling = strategy.rolling_update.get_or_insert_default();
            rolling.max_surge.get_or_insert_with(step);
            rolling.max_unavailable.get_or_insert_with(step);
        }
        pod_spec::defaults::template(&mut spec.template);
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut upstream::Deployment) {
        object.status = Some(Default::default());
        prepare::first_generation(&mut object.metadata);
    }

    fn prepare_for_update(
        &self,
        _: &Context<'_>,
        new: &mut upstream::Deployment,
        old: &upstream::Deployment,
    ) {
        new.status.clone_from(&old.status);
        // Its replica sets copy the annotations, so a change of them is work to do as well.
        let annotated = new.metadata.annotations != old.metadata.annotations;
        let changed = new.spec != old.spec || annotated;
        prepare::next_generation(&mut new.metadata, &old.metadata, changed);
    }

    fn prepare_for_subresource(
        &self,
        _: &str,
        _: &Context<'_>,
        new: &mut upstream::Deployment,
        old: &upstream::Deployment,
    ) {
        new.spec.clone_from(&old.spec);
        new.status.get_or_insert_default();
        new.metadata.labels.clone_from(&old.metadata.labels);
        new.metadata.generation = old.metadata.generation;
    }

    fn pod_spec<'a>(
        &self,
        object: &'a mut upstream::Deployment,
    ) -> Option<&'a mut k8s_openapi::api::core::v1::PodSpec> {
        object.spec.as_mut()?.template.spec.as_mut()
    }

    fn validate(&self, object: &upstream::Deployment) -> ErrorList {
        let mut errors = ErrorList::new();
        let e = &mut errors;
        let path = Path::new("spec");
        let empty = upstream::DeploymentSpec::default();
        let spec = object.spec.as_ref().unwrap_or(&empty);
        check::not_negative(e, &path.child("replicas"), spec.replicas);
        workload::selector(e, &path.child("selector"), &spec.selector, "deployment");
        let at = path.child("template");
        if workload::readable(e, &path, &spec.selector, workload::UNREADABLE) {
            workload::matches(e, &at, &spec.selector, &spec.template);
            workload::template(e, &at, &spec.template, "ReplicaSet");
        }
        strategy(e, &path.child("strategy"), spec);
        check::not_negative(e, &path.child("minReadySeconds"), spec.min_ready_seconds);
        let limit = spec.revision_history_limit;
        check::not_negative(e, &path.child("revisionHistoryLimit"), limit);
        let (at, deadline) = (
            path.child("progressDeadlineSeconds"),
            spec.progress_deadline_seconds,
        );
        check::not_negative(e, &at, deadline);
        if let Some(deadline) = deadline.filter(|it| *it <= spec.min_ready_seconds.unwrap_or(0)) {
            let text = "must be greater than minReadySeconds";
            e.push(Error::invalid(&at, deadline, text));
        }
        errors
    }

    fn validate_update(&self, new: &upstream::Deployment, old: &upstream::Deployment) -> ErrorList {
        let mut errors = self.validate(new);
        let [new, old] = [new, old].map(|it| it.spec.as_ref().map(|it| &it.selector));
        check::same_selector(&mut errors, new, old);
        errors
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::Deployment,
        old: &upstream::Deployment,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        let (e, path) = (&mut errors, Path::new("status"));
        let it = new.status.clone().unwrap_or_default();
        let wide = |it: Option<i32>| it.map(i64::from);
        let table = [
            ("observedGeneration", it.observed_generation),
            ("replicas", wide(it.replicas)),
            ("updatedReplicas", wide(it.updated_replicas)),
            ("readyReplicas", wide(it.ready_replicas)),
            ("availableReplicas", wide(it.available_replicas)),
            ("unavailableReplicas", wide(it.unavailable_replicas)),
            ("terminatingReplicas", wide(it.terminating_replicas)),
            ("collisionCount", wide(it.collision_count)),
        ];
        workload::counts(e, &path, &table);
        let (ready, available) = (it.ready_replicas, it.available_replicas);
        let first = ("updatedReplicas", it.updated_replicas);
        workload::parts(e, &path, it.replicas.unwrap_or(0), first, ready, available);
        let before = old.status.as_ref().and_then(|it| it.collision_count);
        workload::collisions(e, &path, it.collision_count, before);
        errors
    }

    fn warnings(
        &self,
        new: &upstream::Deployment,
        old: Option<&upstream::Deployment>,
    ) -> Vec<String> {
        let template = new.spec.as_ref().map(|it| &it.template);
        let old = old.map(|it| &it.metadata);
        let path = Path::new("spec.template");
        workload::warnings(&new.metadata, old, &path, template, true)
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text("Ready", "Number of the pod with ready state"),
                Column::text("Up-to-date", "Total number of non-terminating pods targeted by this deployment that have the desired template spec."),
                Column::text("Available", "Total number of available non-terminating pods (ready for at least minReadySeconds) targeted by this deployment."),
                Column::AGE,
                Column::CONTAINERS,
                Column::IMAGES,
                Column::text("Selector", "Label selector for pods. Existing ReplicaSets whose pods are selected by this will be the ones affected by this deployment. It must match the pod template's labels.").wide(),
            ]
        }
    }

    fn row(&self, object: &upstream::Deployment, now: Timestamp) -> Vec<Cell> {
        let status = object.status.clone().unwrap_or_default();
        let spec = object.spec.as_ref();
        let ready = status.ready_replicas.unwrap_or(0);
        let wanted = spec.and_then(|it| it.replicas).unwrap_or(0);
        let own = [
            columns::name(&object.metadata),
            format!("{ready}/{wanted}").into(),
            status.updated_replicas.into(),
            status.available_replicas.into(),
        ];
        let pods = spec.and_then(|it| it.template.spec.as_ref());
        let tail = workload::tail(&object.metadata, now, pods);
        let selector = machinery::labels::describe(spec.map(|it| &it.selector)).into();
        own.into_iter().chain(tail).chain([selector]).collect()
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[
                Subresource::SCALE,
                Subresource::status("Deployment")
                    .resetting(Resets::These(&[&["spec"], &["metadata", "labels"]])),
            ]
        }
    }

    fn scale(&self, object: &upstream::Deployment) -> Option<Scale> {
        let spec = object.spec.as_ref()?;
        let running = object
            .status
            .as_ref()
            .and_then(|it| it.replicas)
            .unwrap_or(0);
        Some(workload::scale(
            &object.metadata,
            spec.replicas,
            running,
            &spec.selector,
        ))
    }

    fn set_scale(&self, object: &mut upstream::Deployment, replicas: i32) {
        object.spec.get_or_insert_default().replicas = Some(replicas);
    }
}

fn strategy(e: &mut ErrorList, path: &Path, spec: &upstream::DeploymentSpec) {
    let strategy = spec.strategy.clone().unwrap_or_default();
    let at = path.child("rollingUpdate");
    match (
        strategy.type_.as_deref().unwrap_or_default(),
        strategy.rolling_update,
    ) {
        ("Recreate", Some(_)) => {
            let text = "may not be specified when strategy `type` is 'Recreate'";
            e.push(Error::forbidden(&at, text));
        }
        ("Recreate", None) => {}
        ("RollingUpdate", None) => {
            let text = "this should be defaulted and never be nil";
            e.push(Error::required(&at, text));
        }
        ("RollingUpdate", Some(it)) => {
            let (gone, surge) = (it.max_unavailable.as_ref(), it.max_surge.as_ref());
            let gone_at = at.child("maxUnavailable");
            workload::count_or_percent(e, &gone_at, gone);
            workload::count_or_percent(e, &at.child("maxSurge"), surge);
            if let Some(gone) =
                gone.filter(|it| workload::is_zero(Some(it)) && workload::is_zero(surge))
            {
                let text = "may not be 0 when `maxSurge` is 0";
                e.push(Error::invalid(&gone_at, workload::shown(gone), text));
            }
            workload::not_above_all(e, &gone_at, gone);
        }
        (other, _) => {
            let shown = workload::strategy_shown(other);
            e.push(Error::not_supported(
                path,
                shown,
                &["Recreate", "RollingUpdate"],
            ));
        }
    }
}

#[cfg(test)]
mod tests;
