//! Pods with stable names and storage, started in order.

use crate::{
    Cell, Column, Names, Strategy, Subresource, check, columns, pod_spec, prepare, workload,
};
use jiff::Timestamp;
use k8s_openapi::api::{apps::v1 as upstream, autoscaling::v1::Scale};
use machinery::field::{Error, ErrorList, Path};

/// The law of StatefulSet.
pub(crate) struct StatefulSet;

const FROZEN: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
const REVISION_HISTORY_LIMIT: i32 = 10;

impl Strategy for StatefulSet {
    type Object = upstream::StatefulSet;

    fn names(&self) -> Names {
        Names::namespaced("statefulsets", "statefulset")
            .short(&["sts"])
            .categories(&["all"])
    }

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

    prepare::spec_and_status!();

    fn validate(&self, object: &upstream::StatefulSet) -> ErrorList {
        let mut errors = ErrorList::new();
        let e = &mut errors;
        let path = Path::new("spec");
        let empty = upstream::StatefulSetSpec::default();
        let spec = object.spec.as_ref().unwrap_or(&empty);
        let policies = &["OrderedReady", "Parallel"];
        check::one_of(
            e,
            &path.child("podManagementPolicy"),
            spec.pod_management_policy.as_ref(),
            policies,
        );
        let kind = spec
            .update_strategy
            .as_ref()
            .and_then(|it| it.type_.as_ref());
        check::one_of(
            e,
            &path.child("updateStrategy").child("type"),
            kind,
            &["OnDelete", "RollingUpdate"],
        );
        let partition = spec
            .update_strategy
            .as_ref()
            .and_then(|it| it.rolling_update.as_ref())
            .and_then(|it| it.partition);
        check::not_negative(
            e,
            &path
                .child("updateStrategy")
                .child("rollingUpdate")
                .child("partition"),
            partition,
        );
        check::not_negative(e, &path.child("replicas"), spec.replicas);
        check::not_negative(e, &path.child("minReadySeconds"), spec.min_ready_seconds);
        workload::selector_and_template(e, "statefulset", &path, &spec.selector, &spec.template);
        workload::restarts_always(e, &path, &spec.template);
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::StatefulSet,
        old: &upstream::StatefulSet,
    ) -> ErrorList {
        let mut errors = self.validate(new);
        if let (Some(new), Some(old)) = (&new.spec, &old.spec) {
            let allowed = upstream::StatefulSetSpec {
                replicas: old.replicas,
                ordinals: old.ordinals.clone(),
                template: old.template.clone(),
                update_strategy: old.update_strategy.clone(),
                revision_history_limit: old.revision_history_limit,
                persistent_volume_claim_retention_policy: old
                    .persistent_volume_claim_retention_policy
                    .clone(),
                min_ready_seconds: old.min_ready_seconds,
                ..new.clone()
            };
            if allowed != *old {
                errors.push(Error::forbidden(&Path::new("spec"), FROZEN));
            }
        }
        errors
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
        let [containers, images] =
            columns::containers_and_images(spec.and_then(|it| it.template.spec.as_ref()));
        vec![
            columns::name(&object.metadata),
            format!("{ready}/{wanted}").into(),
            columns::age(&object.metadata, now),
            containers,
            images,
        ]
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
