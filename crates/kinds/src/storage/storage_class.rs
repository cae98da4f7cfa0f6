//! How volumes of a class are provisioned.

#[cfg(test)]
mod tests;

use super::shared;
use crate::{Cell, Column, Names, Strategy, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::storage::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    storage_classes,
};

/// The law of StorageClass.
pub(crate) struct StorageClass;

const POLICIES: &[&str] = &["Delete", "Retain"];
const MODES: &[&str] = &["Immediate", "WaitForFirstConsumer"];

impl Strategy for StorageClass {
    type Object = upstream::StorageClass;

    fn names(&self) -> Names {
        Names::cluster("storageclasses", "storageclass")
            .returning_deleted()
            .short(&["sc"])
    }

    fn default(&self, object: &mut upstream::StorageClass) {
        object
            .reclaim_policy
            .get_or_insert_with(|| "Delete".to_owned());
        object
            .volume_binding_mode
            .get_or_insert_with(|| "Immediate".to_owned());
    }

    fn validate(&self, object: &upstream::StorageClass) -> ErrorList {
        let mut errors = ErrorList::new();
        let e = &mut errors;
        shared::provisioner(e, &Path::new("provisioner"), &object.provisioner);
        shared::parameters(
            e,
            &Path::new("parameters"),
            object.parameters.as_ref(),
            true,
        );
        let policy = object.reclaim_policy.as_deref().unwrap_or_default();
        if !policy.is_empty() && !POLICIES.contains(&policy) {
            e.push(Error::not_supported(
                &Path::new("reclaimPolicy"),
                policy,
                POLICIES,
            ));
        }
        let mode = object.volume_binding_mode.as_deref().unwrap_or_default();
        if !MODES.contains(&mode) {
            e.push(Error::not_supported(
                &Path::new("volumeBindingMode"),
                mode,
                MODES,
            ));
        }
        let terms = object.allowed_topologies.as_deref().unwrap_or_default();
        shared::topologies(e, &Path::new("allowedTopologies"), terms);
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::StorageClass,
        old: &upstream::StorageClass,
    ) -> ErrorList {
        let mut errors = self.validate(new);
        let same = [
            ("parameters", new.parameters == old.parameters),
            ("provisioner", new.provisioner == old.provisioner),
            ("reclaimPolicy", new.reclaim_policy == old.reclaim_policy),
        ];
        shared::forbidden(&mut errors, &same);
        let same = new.volume_binding_mode == old.volume_binding_mode;
        let mode = new.volume_binding_mode.clone().unwrap_or_default();
        check::immutable(&mut errors, &Path::new("volumeBindingMode"), same, mode);
        errors
    }

    fn warnings(
        &self,
        new: &upstream::StorageClass,
        _: Option<&upstream::StorageClass>,
    ) -> Vec<String> {
        let path = Path::new("allowedTopologies");
        let terms = new.allowed_topologies.iter().flatten().enumerate();
        let keys = terms.flat_map(|(index, term)| {
            let path = path.index(index).child("matchLabelExpressions");
            let list = term.match_label_expressions.iter().flatten().enumerate();
            list.map(move |(index, it)| (path.index(index).child("key"), &it.key))
        });
        keys.filter_map(|(path, key)| {
            crate::node_labels::deprecated(key).map(|text| format!("{path}: {text}"))
        })
        .collect()
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
                Column::text(
                    "AllowVolumeExpansion",
                    "allowVolumeExpansion shows whether the storage class allow volume expand.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::StorageClass, now: Timestamp) -> Vec<Cell> {
        let annotations = object.metadata.annotations.iter().flatten();
        let mut marks = annotations.filter(|it| storage_classes::DEFAULT.contains(&it.0.as_str()));
        let default = marks.any(|it| it.1 == "true");
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
