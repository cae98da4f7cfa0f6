//! A request for storage.

use crate::{
    Cell, Column, Context, Names, Strategy, Subresource, check,
    columns::{self, UNSET},
    pod_spec::defaults::text,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;
use machinery::field::{Error, ErrorList, Path};

/// The law of PersistentVolumeClaim.
pub(crate) struct PersistentVolumeClaim;

const FROZEN: &str = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
/// How a volume may be mounted.
pub(super) const ACCESS_MODES: &[&str] = &[
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];

impl Strategy for PersistentVolumeClaim {
    type Object = upstream::PersistentVolumeClaim;

    fn names(&self) -> Names {
        Names::namespaced("persistentvolumeclaims", "persistentvolumeclaim").short(&["pvc"])
    }

    fn default(&self, object: &mut upstream::PersistentVolumeClaim) {
        text(&mut object.status.get_or_insert_default().phase, "Pending");
        if let Some(spec) = &mut object.spec {
            text(&mut spec.volume_mode, "Filesystem");
            spec.resources.get_or_insert_default();
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut upstream::PersistentVolumeClaim) {
        object.status = Some(upstream::PersistentVolumeClaimStatus {
            phase: Some("Pending".to_owned()),
            ..Default::default()
        });
    }

    fn prepare_for_update(
        &self,
        _: &Context<'_>,
        new: &mut upstream::PersistentVolumeClaim,
        old: &upstream::PersistentVolumeClaim,
    ) {
        new.status.clone_from(&old.status);
    }

    fn validate(&self, object: &upstream::PersistentVolumeClaim) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec");
        let spec = object.spec.clone().unwrap_or_default();
        let modes = spec.access_modes.unwrap_or_default();
        if modes.is_empty() {
            errors.push(Error::required(
                &path.child("accessModes"),
                "at least 1 access mode is required",
            ));
        }
        for (index, mode) in modes.iter().enumerate() {
            check::one_of(
                &mut errors,
                &path.child("accessModes").index(index),
                Some(mode),
                ACCESS_MODES,
            );
        }
        let at = path.child("resources").child("requests").key("storage");
        match spec
            .resources
            .as_ref()
            .and_then(|it| it.requests.as_ref())
            .and_then(|it| it.get("storage"))
        {
            None => errors.push(Error::required(
                &path.child("resources").child("requests").key("storage"),
                "",
            )),
            Some(amount) => {
                if machinery::quantity::Quantity::from_wire(amount)
                    .is_ok_and(|it| it.is_zero() || it.is_negative())
                {
                    errors.push(Error::invalid(&at, &amount.0, "must be greater than zero"));
                }
            }
        }
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::PersistentVolumeClaim,
        old: &upstream::PersistentVolumeClaim,
    ) -> ErrorList {
        let mut errors = self.validate(new);
        if let (Some(new), Some(old_spec)) = (&new.spec, &old.spec) {
            let mut allowed = new.clone();
            // The binder fills in the volume's name.
            if old_spec.volume_name.as_ref().is_none_or(String::is_empty) {
                allowed.volume_name.clone_from(&old_spec.volume_name);
                allowed
                    .storage_class_name
                    .clone_from(&old_spec.storage_class_name);
            }
            allowed.resources.clone_from(&old_spec.resources);
            allowed
                .volume_attributes_class_name
                .clone_from(&old_spec.volume_attributes_class_name);
            if allowed != *old_spec {
                errors.push(Error::forbidden(&Path::new("spec"), FROZEN));
            }
        }
        errors
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
}
