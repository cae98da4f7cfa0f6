//! Pods with stable names and storage, started in order.

mod validate;

use crate::{Cell, Column, Names, Strategy, Subresource, columns, pod_spec, prepare, workload};
use jiff::Timestamp;
use k8s_openapi::api::{apps::v1 as upstream, autoscaling::v1::Scale};
use machinery::{
    field::{ErrorList, Path},
    names,
};

/// The law of StatefulSet.
pub(crate) struct StatefulSet;

const REVISION_HISTORY_LIMIT: i32 = 10;

impl Strategy for StatefulSet {
    type Object = upstream::StatefulSet;

    fn names(&self) -> Names {
        Names::namespaced("statefulsets", "statefulset")
            .short(&["sts"])
            .categories(&["all"])
    }

    workload::reads_selector!();

    fn default(&self, object: &mut upstream::StatefulSet) {
        let Some(spec) = &mut object.spec else { return };
        pod_spec::defaults::text(&mut spec.pod_management_policy, "OrderedReady");
        let strategy = spec.update_strategy.get_or_insert_default();
        pod_spec::defaults::text(&mut strategy.type_, "RollingUpdate");
        if strategy.type_.as_deref() == Some("RollingUpdate") {
            let rolling = strategy.rolling_update.get_or_insert_default();
            rolling.partition.get_or_insert(0);
        }
        let retention = spec
            .persistent_volume_claim_retention_policy
            .get_or_insert_default();
        pod_spec::defaults::text(&mut retention.when_deleted, "Retain");
        pod_spec::defaults::text(&mut retention.when_scaled, "Retain");
        spec.replicas.get_or_insert(1);
        spec.revision_history_limit
            .get_or_insert(REVISION_HISTORY_LIMIT);
        spec.service_name.get_or_insert_default();
        pod_spec::defaults::template(&mut spec.template);
        for claim in spec.volume_claim_templates.iter_mut().flatten() {
            crate::core::persistent_volume_claim::PersistentVolumeClaim.default(claim);
        }
    }

    prepare::spec_and_status!(upstream::StatefulSetStatus {
        available_replicas: Some(0),
        ..Default::default()
    });

    /// Pods are called after their set, and a pod's name is its host's.
    fn name_errors(&self, name: &str) -> Vec<String> {
        names::label_errors(name)
    }

    fn pod_spec<'a>(
        &self,
        object: &'a mut upstream::StatefulSet,
    ) -> Option<&'a mut k8s_openapi::api::core::v1::PodSpec> {
        object.spec.as_mut()?.template.spec.as_mut()
    }

    fn validate(&self, object: &upstream::StatefulSet) -> ErrorList {
        let mut errors = ErrorList::new();
        let empty = upstream::StatefulSetSpec::default();
        let spec = object.spec.as_ref().unwrap_or(&empty);
        validate::spec(&mut errors, &Path::new("spec"), spec, true);
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::StatefulSet,
        old: &upstream::StatefulSet,
    ) -> ErrorList {
        validate::update(new, old)
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::StatefulSet,
        old: &upstream::StatefulSet,
    ) -> ErrorList {
        validate::status(new, old)
    }

    fn warnings(
        &self,
        new: &upstream::StatefulSet,
        old: Option<&upstream::StatefulSet>,
    ) -> Vec<String> {
        let none = upstream::StatefulSetSpec::default();
        let spec = new.spec.as_ref().unwrap_or(&none);
        let before = old.map(|it| &it.metadata);
        let path = Path::new("spec");
        let at = path.child("template");
        let mut all = workload::warnings(&new.metadata, before, &at, Some(&spec.template), false);
        if before.is_some_and(|it| it.generation == new.metadata.generation) {
            return all;
        }
        for (index, claim) in spec.volume_claim_templates.iter().flatten().enumerate() {
            let resources = claim.spec.as_ref().and_then(|it| it.resources.as_ref());
            let at = path
                .child("volumeClaimTemplates")
                .index(index)
                .child("spec.resources");
            let fraction = pod_spec::warnings::fraction;
            fraction(
                &mut all,
                &at.child("requests"),
                resources.and_then(|it| it.requests.as_ref()),
                "storage",
            );
            fraction(
                &mut all,
                &at.child("limits"),
                resources.and_then(|it| it.limits.as_ref()),
                "storage",
            );
        }
        if spec.revision_history_limit.is_some_and(|it| it < 0) {
            let text =
                "a negative value retains all historical revisions; a value >= 0 is recommended";
            all.push(format!("{}: {text}", path.child("revisionHistoryLimit")));
        }
        all
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text("Ready", "Number of the pod with ready state"),
                Column::AGE,
                Column::CONTAINERS,
                Column::IMAGES,
            ]
        }
    }

    fn row(&self, object: &upstream::StatefulSet, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.as_ref();
        let wanted = spec.and_then(|it| it.replicas).unwrap_or(0);
        let ready = object
            .status
            .as_ref()
            .and_then(|it| it.ready_replicas)
            .unwrap_or(0);
        let own = [
            columns::name(&object.metadata),
            format!("{ready}/{wanted}").into(),
        ];
        let pods = spec.and_then(|it| it.template.spec.as_ref());
        let tail = workload::tail(&object.metadata, now, pods);
        own.into_iter().chain(tail).collect()
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::SCALE, Subresource::status("StatefulSet")] }
    }

    fn scale(&self, object: &upstream::StatefulSet) -> Option<Scale> {
        let spec = object.spec.as_ref()?;
        let running = object.status.as_ref().map_or(0, |it| it.replicas);
        Some(workload::scale(
            &object.metadata,
            spec.replicas,
            running,
            &spec.selector,
        ))
    }

    fn set_scale(&self, object: &mut upstream::StatefulSet, replicas: i32) {
        object.spec.get_or_insert_default().replicas = Some(replicas);
    }
}
