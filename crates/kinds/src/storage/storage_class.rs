//! How volumes of a class are provisioned.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::storage::v1 as upstream;

/// The law of StorageClass.
pub(crate) struct StorageClass;

impl Strategy for StorageClass {
    type Object = upstream::StorageClass;

    fn names(&self) -> Names {
        Names::cluster("storageclasses", "storageclass").short(&["sc"])
    }

    fn default(&self, object: &mut upstream::StorageClass) {
        object
            .reclaim_policy
            .get_or_insert_with(|| "Delete".to_owned());
        object
            .volume_binding_mode
            .get_or_insert_with(|| "Immediate".to_owned());
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Provisioner",
                    "provisioner indicates the type of the provisioner.",
                ),
                Column::text(
                    "ReclaimPolicy",
                    "reclaimPolicy controls the reclaimPolicy for dynamically provisioned PersistentVolumes of this storage class. Defaults to Delete.",
                ),
                Column::text(
                    "VolumeBindingMode",
                    "volumeBindingMode indicates how PersistentVolumeClaims should be provisioned and bound.  When unset, VolumeBindingImmediate is used. This field is only honored by servers that enable the VolumeScheduling feature.",
                ),
                Column {
                    kind: "boolean",
                    ..Column::text(
                        "AllowVolumeExpansion",
                        "allowVolumeExpansion shows whether the storage class allow volume expand.",
                    )
                },
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::StorageClass, now: Timestamp) -> Vec<Cell> {
        let default = object
            .metadata
            .annotations
            .as_ref()
            .and_then(|it| it.get("storageclass.kubernetes.io/is-default-class"))
            .is_some_and(|it| it == "true");
        let mut cells = vec![
            columns::name(&object.metadata),
            object.provisioner.clone().into(),
            columns::or(object.reclaim_policy.as_ref(), "Delete"),
            columns::or(object.volume_binding_mode.as_ref(), "Immediate"),
            Cell::Truth(object.allow_volume_expansion == Some(true)),
            columns::age(&object.metadata, now),
        ];
        if default && let Some(Cell::Text(name)) = cells.first_mut() {
            name.push_str(" (default)");
        }
        cells
    }
}
