//! Keeps a number of equal pods running.

use crate::{
    Cell, Column, Names, Strategy, Subresource, check, columns, pod_spec, prepare, workload,
};
use jiff::Timestamp;
use k8s_openapi::api::{apps::v1 as upstream, autoscaling::v1::Scale};
use machinery::field::{ErrorList, Path};

/// The law of ReplicaSet.
pub(crate) struct ReplicaSet;

impl Strategy for ReplicaSet {
    type Object = upstream::ReplicaSet;

    fn names(&self) -> Names {
        Names::namespaced("replicasets", "replicaset")
            .short(&["rs"])
            .categories(&["all"])
    }

    workload::reads_selector!();

    fn default(&self, object: &mut upstream::ReplicaSet) {
        let Some(spec) = &mut object.spec else { return };
        spec.replicas.get_or_insert(1);
        if let Some(template) = &mut spec.template {
            pod_spec::defaults::template(template);
        }
    }

    prepare::spec_and_status!();

    fn pod_spec<'a>(
        &self,
        object: &'a mut upstream::ReplicaSet,
    ) -> Option<&'a mut k8s_openapi::api::core::v1::PodSpec> {
        object.spec.as_mut()?.template.as_mut()?.spec.as_mut()
    }

    fn validate(&self, object: &upstream::ReplicaSet) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec");
        let empty = upstream::ReplicaSetSpec::default();
        let spec = object.spec.as_ref().unwrap_or(&empty);
        let template = spec.template.clone().unwrap_or_default();
        let e = &mut errors;
        check::not_negative(e, &path.child("replicas"), spec.replicas);
        check::not_negative(e, &path.child("minReadySeconds"), spec.min_ready_seconds);
        workload::selector(e, &path.child("selector"), &spec.selector, "deployment");
        let at = path.child("template");
        if workload::readable(e, &path, &spec.selector, workload::UNREADABLE) {
            workload::matches(e, &at, &spec.selector, &template);
            workload::template(e, &at, &template, "ReplicaSet");
        }
        errors
    }

    fn validate_update(&self, new: &upstream::ReplicaSet, old: &upstream::ReplicaSet) -> ErrorList {
        let mut errors = self.validate(new);
        let [new, old] = [new, old].map(|it| it.spec.as_ref().map(|it| &it.selector));
        check::same_selector(&mut errors, new, old);
        errors
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::ReplicaSet,
        _: &upstream::ReplicaSet,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        let (e, path) = (&mut errors, Path::new("status"));
        let it = new.status.clone().unwrap_or_default();
        let wide = |it: Option<i32>| it.map(i64::from);
        let table = [
            ("replicas", Some(it.replicas.into())),
            ("fullyLabeledReplicas", wide(it.fully_labeled_replicas)),
            ("readyReplicas", wide(it.ready_replicas)),
            ("availableReplicas", wide(it.available_replicas)),
            ("observedGeneration", it.observed_generation),
            ("terminatingReplicas", wide(it.terminating_replicas)),
        ];
        workload::counts(e, &path, &table);
        let (ready, available) = (it.ready_replicas, it.available_replicas);
        let first = ("fullyLabeledReplicas", it.fully_labeled_replicas);
        workload::parts(e, &path, it.replicas, first, ready, available);
        errors
    }

    fn warnings(
        &self,
        new: &upstream::ReplicaSet,
        old: Option<&upstream::ReplicaSet>,
    ) -> Vec<String> {
        let template = new.spec.as_ref().and_then(|it| it.template.as_ref());
        let old = old.map(|it| &it.metadata);
        let path = Path::new("spec.template");
        workload::warnings(&new.metadata, old, &path, template, true)
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::number("Desired", "Replicas is the number of desired pods. This is a pointer to distinguish between explicit zero and unspecified. Defaults to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset"),
                Column::number("Current", "Replicas is the most recently observed number of non-terminating pods. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset"),
                Column::number("Ready", "The number of non-terminating pods targeted by this ReplicaSet with a Ready Condition."),
                Column::AGE,
                Column::CONTAINERS,
                Column::IMAGES,
                Column::text("Selector", "Selector is a label query over pods that should match the replica count. Label keys and values that must match in order to be controlled by this replica set. It must match the pod template's labels. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors").wide(),
            ]
        }
    }

    fn row(&self, object: &upstream::ReplicaSet, now: Timestamp) -> Vec<Cell> {
        let status = object.status.clone().unwrap_or_default();
        let spec = object.spec.as_ref();
        let template = spec.and_then(|it| it.template.as_ref());
        let own = [
            columns::name(&object.metadata),
            spec.and_then(|it| it.replicas).into(),
            status.replicas.into(),
            status.ready_replicas.into(),
        ];
        let pods = template.and_then(|it| it.spec.as_ref());
        let tail = workload::tail(&object.metadata, now, pods);
        let selector = machinery::labels::describe(spec.map(|it| &it.selector)).into();
        own.into_iter().chain(tail).chain([selector]).collect()
    }

    fn selectable_fields(&self, object: &upstream::ReplicaSet) -> Vec<(&'static str, String)> {
        let replicas = object.status.as_ref().map_or(0, |it| it.replicas);
        vec![("status.replicas", replicas.to_string())]
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["status.replicas"]
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::SCALE, Subresource::status("ReplicaSet")] }
    }

    fn scale(&self, object: &upstream::ReplicaSet) -> Option<Scale> {
        let spec = object.spec.as_ref()?;
        let running = object.status.as_ref().map_or(0, |it| it.replicas);
        Some(workload::scale(
            &object.metadata,
            spec.replicas,
            running,
            &spec.selector,
        ))
    }

    fn set_scale(&self, object: &mut upstream::ReplicaSet, replicas: i32) {
        object.spec.get_or_insert_default().replicas = Some(replicas);
    }
}
