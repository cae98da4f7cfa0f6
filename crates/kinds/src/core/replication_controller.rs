//! Keeps a number of pods running; the ancestor of ReplicaSet.

use crate::{Cell, Column, Names, Strategy, Subresource, columns};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;

use crate::{check, workload};
use k8s_openapi::{api::autoscaling::v1::Scale, apimachinery::pkg::apis::meta::v1::LabelSelector};
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
        if object
            .metadata
            .labels
            .as_ref()
            .is_none_or(|it| it.is_empty())
        {
            object.metadata.labels = labels;
        }
    }

    crate::prepare::spec_and_status!();

    fn validate(&self, object: &upstream::ReplicationController) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec");
        let spec = object.spec.clone().unwrap_or_default();
        check::not_negative(&mut errors, &path.child("replicas"), spec.replicas);
        if spec.selector.as_ref().is_none_or(|it| it.is_empty()) {
            errors.push(Error::required(&path.child("selector"), ""));
        }
        match &spec.template {
            None => errors.push(Error::required(&path.child("template"), "")),
            Some(template) => {
                workload::matches(
                    &mut errors,
                    &path.child("template"),
                    &selector(object),
                    template,
                );
                errors.extend(crate::pod_spec::validate::template(
                    template,
                    &path.child("template"),
                ));
                workload::restarts_always(&mut errors, &path, template);
            }
        }
        errors
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
        let [containers, images] =
            columns::containers_and_images(spec.template.as_ref().and_then(|it| it.spec.as_ref()));
        vec![
            columns::name(&object.metadata),
            spec.replicas.into(),
            status.replicas.into(),
            status.ready_replicas.into(),
            columns::age(&object.metadata, now),
            containers,
            images,
            columns::labels(spec.selector.as_ref()).into(),
        ]
    }
}

/// The map as a selector.
fn selector(object: &upstream::ReplicationController) -> LabelSelector {
    LabelSelector {
        match_labels: object.spec.as_ref().and_then(|it| it.selector.clone()),
        match_expressions: None,
    }
}
