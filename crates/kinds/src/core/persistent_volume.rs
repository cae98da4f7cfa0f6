//! A piece of storage in the cluster.

mod change;
#[cfg(test)]
mod tests;
pub(crate) mod validate;

pub(super) use change::{CLASS, OLD_CLASS};

use crate::{
    Cell, Column, Context, Names, Strategy, Subresource,
    columns::{self, UNSET},
    pod_spec::defaults::{foreign, text},
};
use jiff::Timestamp;
use k8s_openapi::{api::core::v1 as upstream, apimachinery::pkg::apis::meta::v1::Time};
use machinery::field::{ErrorList, Path};

/// The law of PersistentVolume.
pub(crate) struct PersistentVolume;

impl Strategy for PersistentVolume {
    type Object = upstream::PersistentVolume;

    fn names(&self) -> Names {
        Names::cluster("persistentvolumes", "persistentvolume")
            .returning_deleted()
            .short(&["pv"])
    }

    fn default(&self, object: &mut upstream::PersistentVolume) {
        text(&mut object.status.get_or_insert_default().phase, "Pending");
        if let Some(spec) = &mut object.spec {
            text(&mut spec.persistent_volume_reclaim_policy, "Retain");
            spec.volume_mode
                .get_or_insert_with(|| "Filesystem".to_owned());
            foreign!(spec);
        }
    }

    fn prepare_for_create(&self, context: &Context<'_>, object: &mut upstream::PersistentVolume) {
        object.status = Some(upstream::PersistentVolumeStatus {
            phase: Some("Pending".to_owned()),
            last_phase_transition_time: Some(Time(context.now)),
            ..Default::default()
        });
    }

    fn prepare_for_update(
        &self,
        _: &Context<'_>,
        new: &mut upstream::PersistentVolume,
        old: &upstream::PersistentVolume,
    ) {
        new.status.clone_from(&old.status);
    }

    fn validate(&self, object: &upstream::PersistentVolume) -> ErrorList {
        let mut errors = ErrorList::new();
        let empty = upstream::PersistentVolumeSpec::default();
        let spec = object.spec.as_ref().unwrap_or(&empty);
        let name = object.metadata.name.as_deref().unwrap_or_default();
        let place = validate::Place::Object(name);
        validate::spec(&mut errors, &Path::new("spec"), spec, place);
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::PersistentVolume,
        old: &upstream::PersistentVolume,
    ) -> ErrorList {
        let mut errors = self.validate(new);
        if let (Some(new), Some(old)) = (&new.spec, &old.spec) {
            errors.extend(change::errors(new, old));
        }
        errors
    }

    fn warnings(
        &self,
        new: &upstream::PersistentVolume,
        _: Option<&upstream::PersistentVolume>,
    ) -> Vec<String> {
        change::warnings(new)
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text("Capacity", "capacity is the description of the persistent volume's resources and capacity. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#capacity"),
                Column::text("Access Modes", "accessModes contains all ways the volume can be mounted. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#access-modes"),
                Column::text("Reclaim Policy", "persistentVolumeReclaimPolicy defines what happens to a persistent volume when released from its claim. Valid options are Retain (default for manually created PersistentVolumes), Delete (default for dynamically provisioned PersistentVolumes), and Recycle (deprecated). Recycle must be supported by the volume plugin underlying this PersistentVolume. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#reclaiming"),
                Column::text("Status", "phase indicates if a volume is available, bound to a claim, or released by a claim. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#phase"),
                Column::text("Claim", "claimRef is part of a bi-directional binding between PersistentVolume and PersistentVolumeClaim. Expected to be non-nil when bound. claim.VolumeName is the authoritative bind between PV and PVC. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#binding"),
                Column::text("StorageClass", "storageClassName is the name of StorageClass to which this persistent volume belongs. Empty value means that this volume does not belong to any StorageClass."),
                Column::text("VolumeAttributesClass", "Name of VolumeAttributesClass to which this persistent volume belongs. Empty value is not allowed. When this field is not set, it indicates that this volume does not belong to any VolumeAttributesClass. This field is mutable and can be changed by the CSI driver after a volume has been updated successfully to a new class. For an unbound PersistentVolume, the volumeAttributesClassName will be matched with unbound PersistentVolumeClaims during the binding process."),
                Column::text("Reason", "reason is a brief CamelCase string that describes any failure and is meant for machine parsing and tidy display in the CLI."),
                Column::AGE,
                Column::text("VolumeMode", "volumeMode defines if a volume is intended to be used with a formatted filesystem or to remain in raw block state. Value of Filesystem is implied when not included in spec.").wide(),
            ]
        }
    }

    fn row(&self, object: &upstream::PersistentVolume, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.clone().unwrap_or_default();
        let status = object.status.clone().unwrap_or_default();
        let claim = spec.claim_ref.map(|it| {
            format!(
                "{}/{}",
                it.namespace.unwrap_or_default(),
                it.name.unwrap_or_default()
            )
        });
        let phase = if object.metadata.deletion_timestamp.is_some() {
            Some("Terminating".to_owned())
        } else {
            status.phase
        };
        let capacity = spec.capacity.as_ref().and_then(|it| it.get("storage"));
        vec![
            columns::name(&object.metadata),
            columns::or(capacity.map(|it| &it.0), ""),
            columns::access_modes(spec.access_modes.as_ref()).into(),
            columns::or(spec.persistent_volume_reclaim_policy.as_ref(), ""),
            columns::or(phase.as_ref(), ""),
            columns::or(claim.as_ref(), ""),
            columns::or(spec.storage_class_name.as_ref(), ""),
            columns::or(spec.volume_attributes_class_name.as_ref(), UNSET),
            columns::or(status.reason.as_ref(), ""),
            columns::age(&object.metadata, now),
            columns::or(spec.volume_mode.as_ref(), UNSET),
        ]
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("PersistentVolume")] }
    }

    fn prepare_for_subresource(
        &self,
        _: &str,
        context: &Context<'_>,
        new: &mut upstream::PersistentVolume,
        old: &upstream::PersistentVolume,
    ) {
        new.spec.clone_from(&old.spec);
        let before = old.status.clone().unwrap_or_default();
        let status = new.status.get_or_insert_default();
        let time = &mut status.last_phase_transition_time;
        if status.phase == before.phase {
            if time.is_none() {
                time.clone_from(&before.last_phase_transition_time);
            }
        } else if time.is_none() || *time == before.last_phase_transition_time {
            *time = Some(Time(context.now));
        }
    }
}
