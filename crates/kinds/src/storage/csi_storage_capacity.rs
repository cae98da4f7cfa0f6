//! Room left for volumes of a class in a segment.

use crate::{Cell, Column, Names, Strategy, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::storage::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    labels, names,
    quantity::Quantity,
};

/// The law of CSIStorageCapacity.
pub(crate) struct CSIStorageCapacity;

impl Strategy for CSIStorageCapacity {
    type Object = upstream::CSIStorageCapacity;

    fn names(&self) -> Names {
        Names::namespaced("csistoragecapacities", "csistoragecapacity")
    }

    fn validate(&self, object: &upstream::CSIStorageCapacity) -> ErrorList {
        let mut errors = ErrorList::new();
        if let Some(selector) = &object.node_topology {
            errors.extend(labels::validate(selector, &Path::new("nodeTopology")));
        }
        let class = &object.storage_class_name;
        let found = names::subdomain_errors(class);
        check::messages(&mut errors, &Path::new("storageClassName"), class, found);
        let amount = object.capacity.as_ref().map(Quantity::from_wire);
        if let Some(Ok(amount)) = amount
            && amount.is_negative()
        {
            let shown = amount.to_string();
            errors.push(Error::invalid(
                &Path::new("capacity"),
                shown,
                check::NOT_NEGATIVE,
            ));
        }
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::CSIStorageCapacity,
        old: &upstream::CSIStorageCapacity,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        let same = new.node_topology == old.node_topology;
        let shown = check::shown(new.node_topology.as_ref());
        check::immutable(&mut errors, &Path::new("nodeTopology"), same, shown);
        let same = new.storage_class_name == old.storage_class_name;
        let path = Path::new("storageClassName");
        check::immutable(&mut errors, &path, same, &new.storage_class_name);
        errors
    }

    fn warnings(
        &self,
        new: &upstream::CSIStorageCapacity,
        _: Option<&upstream::CSIStorageCapacity>,
    ) -> Vec<String> {
        let path = Path::new("nodeTopology");
        let selector = new.node_topology.as_ref();
        selector.map_or_else(Vec::new, |it| crate::node_labels::of_selector(&path, it))
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "StorageClassName",
                    "storageClassName represents the name of the StorageClass that the reported capacity applies to. It must meet the same requirements as the name of a StorageClass object (non-empty, DNS subdomain). If that object no longer exists, the CSIStorageCapacity object is obsolete and should be removed by its creator. This field is immutable.",
                ),
                Column::text(
                    "Capacity",
                    "capacity is the value reported by the CSI driver in its GetCapacityResponse for a GetCapacityRequest with topology and parameters that match the previous fields.\n\nThe semantic is currently (CSI spec 1.2) defined as: The available capacity, in bytes, of the storage that can be used to provision volumes. If not set, that information is currently unavailable.",
                ),
            ]
        }
    }

    fn row(&self, object: &upstream::CSIStorageCapacity, _: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            object.storage_class_name.clone().into(),
            columns::or(object.capacity.as_ref().map(|it| &it.0), columns::UNSET),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn errors_and_rows() {
        let base = json!({"metadata": {"name": "a"}, "storageClassName": "s", "capacity": "1Gi"});
        cases::creates(
            &CSIStorageCapacity,
            base.clone(),
            &[
                (json!({}), &[]),
                (
                    json!({"capacity": "-1"}),
                    &["capacity: Invalid value: \"-1\": must be greater than or equal to 0"],
                ),
            ],
        );
        cases::updates(
            &CSIStorageCapacity,
            base.clone(),
            &[
                (json!({"capacity": "2Gi"}), &[]),
                (
                    json!({"storageClassName": "t"}),
                    &["storageClassName: Invalid value: \"t\": field is immutable"],
                ),
            ],
        );
        cases::warns(
            &CSIStorageCapacity,
            base.clone(),
            &[(
                json!({"nodeTopology": {"matchLabels": {"beta.kubernetes.io/os": "linux"}}}),
                &[
                    "nodeTopology.matchLabels.beta.kubernetes.io/os: deprecated since v1.14; use \"kubernetes.io/os\" instead",
                ],
            )],
        );
        assert_eq!(cases::row(&CSIStorageCapacity, base), "a|s|1Gi");
    }
}
