//! Keeps a number of pods running; the ancestor of ReplicaSet.

use crate::{Cell, Column, Names, Strategy, Subresource, check, columns, prepare, workload};
use jiff::Timestamp;
use k8s_openapi::{
    api::{autoscaling::v1::Scale, core::v1 as upstream},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use machinery::field::{Error, ErrorList, Path};

/// The law of ReplicationController.
pub(crate) struct ReplicationController;

impl Strategy for ReplicationController {
    type Object = upstream::ReplicationController;

    fn names(&self) -> Names {
        Names::namespaced("replicationcontrollers", "replicationcontroller")
            .short(&["rc"])
            .categories(&["all"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[
                Subresource::SCALE,
                Subresource::status("ReplicationController"),
            ]
        }
    }

    fn default(&self, object: &mut upstream::ReplicationController) {
        let Some(spec) = &mut object.spec else { return };
        spec.replicas.get_or_insert(1);
        let Some(template) = &mut spec.template else {
            return;
        };
        crate::pod_spec::defaults::template(template);
        let labels = template.metadata.as_ref().and_then(|it| it.labels.clone());
        if spec.selector.as_ref().is_none_or(|it| it.is_empty()) {
            spec.selector.clone_from(&labels);
        }
        let own = &mut object.metadata.labels;
        if own.as_ref().is_none_or(|it| it.is_empty()) {
            *own = labels;
        }
    }

    prepare::spec_and_status!();

    fn pod_spec<'a>(
        &self,
        object: &'a mut upstream::ReplicationController,
    ) -> Option<&'a mut upstream::PodSpec> {
        object.spec.as_mut()?.template.as_mut()?.spec.as_mut()
    }

    fn validate(&self, object: &upstream::ReplicationController) -> ErrorList {
        let mut errors = ErrorList::new();
        let e = &mut errors;
        let path = Path::new("spec");
        let spec = object.spec.clone().unwrap_or_default();
        check::not_negative(e, &path.child("minReadySeconds"), spec.min_ready_seconds);
        if spec.selector.as_ref().is_none_or(|it| it.is_empty()) {
            e.push(Error::required(&path.child("selector"), ""));
        }
        check::not_negative(e, &path.child("replicas"), spec.replicas);
        let path = path.child("template");
        match &spec.template {
            None => e.push(Error::required(&path, "")),
            Some(template) => {
                if let Some(selector) = spec.selector.filter(|it| !it.is_empty()) {
                    let own = template.metadata.as_ref().and_then(|it| it.labels.as_ref());
                    let has =
                        |it: (&String, &String)| own.and_then(|own| own.get(it.0)) == Some(it.1);
                    if !selector.iter().all(has) {
                        workload::mismatch(e, &path, own);
                    }
                }
                workload::template(e, &path, template, "ReplicationController");
            }
        }
        errors
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::ReplicationController,
        _: &upstream::ReplicationController,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        let (e, path) = (&mut errors, Path::new("status"));
        let it = new.status.clone().unwrap_or_default();
        let count = |it: Option<i32>| Some(i64::from(it.unwrap_or(0)));
        let table = [
            ("replicas", Some(it.replicas.into())),
            ("fullyLabeledReplicas", count(it.fully_labeled_replicas)),
            ("readyReplicas", count(it.ready_replicas)),
            ("availableReplicas", count(it.available_replicas)),
            ("observedGeneration", it.observed_generation),
        ];
        workload::counts(e, &path, &table);
        let (ready, available) = (it.ready_replicas, it.available_replicas);
        let first = ("fullyLabeledReplicas", it.fully_labeled_replicas);
        workload::parts(e, &path, it.replicas, first, ready, available);
        errors
    }

    fn warnings(
        &self,
        new: &upstream::ReplicationController,
        old: Option<&upstream::ReplicationController>,
    ) -> Vec<String> {
        let template = new.spec.as_ref().and_then(|it| it.template.as_ref());
        let old = old.map(|it| &it.metadata);
        let path = Path::new("spec.template");
        workload::warnings(&new.metadata, old, &path, template, true)
    }

    fn selectable_fields(
        &self,
        object: &upstream::ReplicationController,
    ) -> Vec<(&'static str, String)> {
        let replicas = object.status.as_ref().map_or(0, |it| it.replicas);
        vec![("status.replicas", replicas.to_string())]
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["status.replicas"]
    }

    fn scale(&self, object: &upstream::ReplicationController) -> Option<Scale> {
        let wanted = object.spec.as_ref()?.replicas;
        let running = object.status.as_ref().map_or(0, |it| it.replicas);
        Some(workload::scale(
            &object.metadata,
            wanted,
            running,
            &selector(object),
        ))
    }

    fn set_scale(&self, object: &mut upstream::ReplicationController, replicas: i32) {
        object.spec.get_or_insert_default().replicas = Some(replicas);
    }

    fn orphans_by_default(&self) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[Column::NAME, Column::number("Desired", "Replicas is the number of desired replicas. This is a pointer to distinguish between explicit zero and unspecified. Defaults to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller"), Column::number("Current", "Replicas is the most recently observed number of replicas. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller"), Column::number("Ready", "The number of ready replicas for this replication controller."), Column::AGE, Column::CONTAINERS, Column::IMAGES, Column::text("Selector", "Selector is a label query over pods that should match the Replicas count. If Selector is empty, it is defaulted to the labels present on the Pod template. Label keys and values that must match in order to be controlled by this replication controller, if empty defaulted to labels on Pod template. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors").wide()]
        }
    }

    fn row(&self, object: &upstream::ReplicationController, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.clone().unwrap_or_default();
        let status = object.status.clone().unwrap_or_default();
        let pods = spec.template.as_ref().and_then(|it| it.spec.as_ref());
        let own = [
            columns::name(&object.metadata),
            spec.replicas.into(),
            status.replicas.into(),
            status.ready_replicas.into(),
        ];
        let tail = workload::tail(&object.metadata, now, pods);
        let selector = columns::labels(spec.selector.as_ref()).into();
        own.into_iter().chain(tail).chain([selector]).collect()
    }
}

/// The map as a selector.
fn selector(object: &upstream::ReplicationController) -> LabelSelector {
    LabelSelector {
        match_labels: object.spec.as_ref().and_then(|it| it.selector.clone()),
        match_expressions: None,
    }
}
