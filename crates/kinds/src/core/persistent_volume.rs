//! A piece of storage in the cluster.

mod change;
pub(crate) mod validate;

pub(super) use change::{CLASS, OLD_CLASS};

use crate::{
    Cell, Column, Context, Names, Strategy, Subresource,
    columns::{self, UNSET},
    pod_spec::defaults::text,
};
use jiff::Timestamp;
use k8s_openapi::{api::core::v1 as upstream, apimachinery::pkg::apis::meta::v1::Time};
use machinery::field::{ErrorList, Path};

/// The law of PersistentVolume.
pub(crate) struct PersistentVolume;

impl Strategy for PersistentVolume {
    type Object = upstream::PersistentVolume;

    fn names(&self) -> Names {
        Names::cluster("persistentvolumes", "persistentvolume").short(&["pv"])
    }

    fn default(&self, object: &mut upstream::PersistentVolume) {
        text(&mut object.status.get_or_insert_default().phase, "Pending");
        if let Some(spec) = &mut object.spec {
            text(&mut spec.persistent_volume_reclaim_policy, "Retain");
            text(&mut spec.volume_mode, "Filesystem");
            if let Some(it) = &mut spec.host_path {
                it.type_.get_or_insert_default();
            }
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
        let spec = object.spec.clone().unwrap_or_default();
        validate::spec(
            &mut errors,
            &Path::new("spec"),
            &spec,
            validate::Place::Object,
        );
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::{Value, json};

    fn base() -> Value {
        json!({"metadata": {"name": "a"}, "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}}})
    }

    fn spec(patch: Value) -> Value {
        json!({"spec": patch})
    }

    #[test]
    fn errors_of_new_volumes() {
        cases::creates(
            &PersistentVolume,
            base(),
            &[
                (json!({}), &[]),
                (
                    spec(json!({"accessModes": []})),
                    &["spec.accessModes: Required value"],
                ),
                (
                    spec(json!({"accessModes": ["Foo"]})),
                    &[
                        "spec.accessModes: Unsupported value: \"Foo\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
                    ],
                ),
                (
                    spec(json!({"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]})),
                    &[
                        "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
                    ],
                ),
                (
                    spec(json!({"capacity": null})),
                    &[
                        "spec.capacity: Required value",
                        "spec.capacity: Unsupported value: null: supported values: \"storage\"",
                    ],
                ),
                (
                    spec(json!({"capacity": {"storage": "0"}})),
                    &["spec.capacity[storage]: Invalid value: \"0\": must be greater than zero"],
                ),
                (
                    spec(json!({"persistentVolumeReclaimPolicy": "Foo"})),
                    &[
                        "spec.persistentVolumeReclaimPolicy: Unsupported value: \"Foo\": supported values: \"Delete\", \"Recycle\", \"Retain\"",
                    ],
                ),
                (
                    spec(json!({"hostPath": null})),
                    &["spec: Required value: must specify a volume type"],
                ),
                (
                    spec(json!({"hostPath": {"path": "/a/../b"}})),
                    &["spec.hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"],
                ),
                (
                    spec(json!({"nfs": {"server": "s", "path": "/p"}})),
                    &["spec.nfs: Forbidden: may not specify more than 1 volume type"],
                ),
                (
                    spec(
                        json!({"hostPath": {"path": "/"}, "persistentVolumeReclaimPolicy": "Recycle"}),
                    ),
                    &[
                        "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
                    ],
                ),
                (
                    spec(json!({"hostPath": null, "local": {"path": "/x"}})),
                    &["spec.nodeAffinity: Required value: Local volume requires node affinity"],
                ),
                (
                    spec(json!({"hostPath": null, "csi": {"driver": "", "volumeHandle": ""}})),
                    &[
                        "spec.csi.driver: Required value",
                        "spec.csi.driver: Invalid value: \"\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
                        "spec.csi.volumeHandle: Required value",
                    ],
                ),
                (
                    spec(json!({"volumeMode": "Foo"})),
                    &[
                        "spec.volumeMode: Unsupported value: \"Foo\": supported values: \"Block\", \"Filesystem\"",
                    ],
                ),
                (
                    spec(json!({"volumeAttributesClassName": ""})),
                    &[
                        "spec.volumeAttributesClassName: Required value: an empty string is disallowed",
                        "spec.csi: Required value: has to be specified when using volumeAttributesClassName",
                    ],
                ),
                (
                    spec(json!({"nodeAffinity": {}})),
                    &[
                        "spec.nodeAffinity.required: Required value: must specify required node constraints",
                    ],
                ),
            ],
        );
    }

    #[test]
    fn errors_of_changes_and_warnings() {
        let affinity = |key: &str| json!({"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": key, "operator": "Exists"}]}]}}});
        cases::updates(
            &PersistentVolume,
            base(),
            &[
                (spec(json!({"capacity": {"storage": "2Gi"}})), &[]),
                (spec(affinity("a")), &[]),
                (
                    spec(json!({"hostPath": {"path": "/y"}})),
                    &[
                        "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation",
                    ],
                ),
                (
                    spec(json!({"volumeMode": "Block"})),
                    &["volumeMode: Invalid value: \"Block\": field is immutable"],
                ),
            ],
        );
        let old = cases::merged(&base(), &spec(affinity("beta.kubernetes.io/os")));
        cases::updates(
            &PersistentVolume,
            old,
            &[
                (spec(affinity("kubernetes.io/os")), &[]),
                (
                    spec(affinity("a")),
                    &[
                        "nodeAffinity: Invalid value: {}: field is immutable, except for updating from beta label to GA",
                    ],
                ),
            ],
        );
        cases::warns(
            &PersistentVolume,
            base(),
            &[
                (
                    spec(json!({"persistentVolumeReclaimPolicy": "Recycle"})),
                    &[
                        "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
                    ],
                ),
                (
                    json!({"metadata": {"annotations": {CLASS: "a"}}}),
                    &[
                        "metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use \"storageClassName\" attribute instead",
                    ],
                ),
                (
                    spec(affinity("beta.kubernetes.io/os")),
                    &[
                        "spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: beta.kubernetes.io/os is deprecated since v1.14; use \"kubernetes.io/os\" instead",
                    ],
                ),
            ],
        );
        assert_eq!(
            cases::row(&PersistentVolume, base()),
            "a|1Gi|RWO|Retain|Pending|||<unset>||<unknown>|Filesystem"
        );
    }
}
