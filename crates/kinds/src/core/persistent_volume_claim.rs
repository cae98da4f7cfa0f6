//! A request for storage.

#[cfg(test)]
mod tests;
mod validate;

use crate::{
    Cell, Column, Context, Names, Strategy, Subresource,
    columns::{self, UNSET},
    gates::{self, Gated},
    pod_spec::defaults::text,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;
use machinery::field::ErrorList;

/// The law of PersistentVolumeClaim.
pub(crate) struct PersistentVolumeClaim;

impl Strategy for PersistentVolumeClaim {
    type Object = upstream::PersistentVolumeClaim;

    fn names(&self) -> Names {
        Names::namespaced("persistentvolumeclaims", "persistentvolumeclaim")
            .returning_deleted()
            .short(&["pvc"])
    }

    fn default(&self, object: &mut upstream::PersistentVolumeClaim) {
        text(&mut object.status.get_or_insert_default().phase, "Pending");
        if let Some(spec) = &mut object.spec {
            spec.volume_mode
                .get_or_insert_with(|| "Filesystem".to_owned());
            spec.resources.get_or_insert_default();
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut upstream::PersistentVolumeClaim) {
        object.status = Some(upstream::PersistentVolumeClaimStatus {
            phase: Some("Pending".to_owned()),
            ..Default::default()
        });
        validate::forget_odd_source(object, None);
        validate::both_sources(object);
    }

    fn prepare_for_update(
        &self,
        _: &Context<'_>,
        new: &mut upstream::PersistentVolumeClaim,
        old: &upstream::PersistentVolumeClaim,
    ) {
        new.status.clone_from(&old.status);
        validate::forget_odd_source(new, Some(old));
        validate::both_sources(new);
    }

    fn gated(&self) -> &'static [Gated<upstream::PersistentVolumeClaim>] {
        gates::CLAIM
    }

    fn validate(&self, object: &upstream::PersistentVolumeClaim) -> ErrorList {
        validate::claim(object)
    }

    fn validate_update(
        &self,
        new: &upstream::PersistentVolumeClaim,
        old: &upstream::PersistentVolumeClaim,
    ) -> ErrorList {
        validate::update(new, old)
    }

    fn warnings(
        &self,
        new: &upstream::PersistentVolumeClaim,
        _: Option<&upstream::PersistentVolumeClaim>,
    ) -> Vec<String> {
        validate::warnings(new)
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text("Status", "phase represents the current phase of PersistentVolumeClaim."),
                Column::text("Volume", "volumeName is the binding reference to the PersistentVolume backing this claim."),
                Column::text("Capacity", "capacity represents the actual resources of the underlying volume."),
                Column::text("Access Modes", "accessModes contains the actual access modes the volume backing the PVC has. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#access-modes-1"),
                Column::text("StorageClass", "storageClassName is the name of the StorageClass required by the claim. More info: https://kubernetes.io/docs/concepts/storage/persistent-volumes#class-1"),
                Column::text("VolumeAttributesClass", "volumeAttributesClassName may be used to set the VolumeAttributesClass used by this claim. If specified, the CSI driver will create or update the volume with the attributes defined in the corresponding VolumeAttributesClass. This has a different purpose than storageClassName, it can be changed after the claim is created. An empty string or nil value indicates that no VolumeAttributesClass will be applied to the claim. If the claim enters an Infeasible error state, this field can be reset to its previous value (including nil) to cancel the modification. If the resource referred to by volumeAttributesClass does not exist, this PersistentVolumeClaim will be set to a Pending state, as reflected by the modifyVolumeStatus field, until such as a resource exists. More info: https://kubernetes.io/docs/concepts/storage/volume-attributes-classes/"),
                Column::AGE,
                Column::text("VolumeMode", "volumeMode defines what type of volume is required by the claim. Value of Filesystem is implied when not included in claim spec.").wide(),
            ]
        }
    }

    fn row(&self, object: &upstream::PersistentVolumeClaim, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.clone().unwrap_or_default();
        let status = object.status.clone().unwrap_or_default();
        let bound = spec.volume_name.as_ref().is_some_and(|it| !it.is_empty());
        let capacity = status
            .capacity
            .as_ref()
            .and_then(|it| it.get("storage"))
            .filter(|_| bound);
        let phase = if object.metadata.deletion_timestamp.is_some() {
            Some("Terminating".to_owned())
        } else {
            status.phase
        };
        vec![
            columns::name(&object.metadata),
            columns::or(phase.as_ref(), ""),
            columns::or(spec.volume_name.as_ref(), ""),
            columns::or(capacity.map(|it| &it.0), ""),
            columns::access_modes(status.access_modes.as_ref().filter(|_| bound)).into(),
            columns::or(spec.storage_class_name.as_ref(), ""),
            columns::or(spec.volume_attributes_class_name.as_ref(), UNSET),
            columns::age(&object.metadata, now),
            columns::or(spec.volume_mode.as_ref(), UNSET),
        ]
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("PersistentVolumeClaim")] }
    }

    fn prepare_for_subresource(
        &self,
        _: &str,
        _: &Context<'_>,
        new: &mut upstream::PersistentVolumeClaim,
        old: &upstream::PersistentVolumeClaim,
    ) {
        new.spec.clone_from(&old.spec);
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::PersistentVolumeClaim,
        _: &upstream::PersistentVolumeClaim,
    ) -> ErrorList {
        validate::status(new)
    }
}
