//! Changeable attributes of volumes.

use super::shared;
use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::storage::v1 as upstream;
use machinery::field::{ErrorList, Path};

/// The law of VolumeAttributesClass.
pub(crate) struct VolumeAttributesClass;

impl Strategy for VolumeAttributesClass {
    type Object = upstream::VolumeAttributesClass;

    fn names(&self) -> Names {
        Names::cluster("volumeattributesclasses", "volumeattributesclass")
            .returning_deleted()
            .short(&["vac"])
    }

    fn validate(&self, object: &upstream::VolumeAttributesClass) -> ErrorList {
        let mut errors = ErrorList::new();
        let e = &mut errors;
        shared::provisioner(e, &Path::new("driverName"), &object.driver_name);
        shared::parameters(
            e,
            &Path::new("parameters"),
            object.parameters.as_ref(),
            false,
        );
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::VolumeAttributesClass,
        old: &upstream::VolumeAttributesClass,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        let same = [
            ("driverName", new.driver_name == old.driver_name),
            ("parameters", new.parameters == old.parameters),
        ];
        shared::forbidden(&mut errors, &same);
        errors.extend(self.validate(new));
        errors
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "DriverName",
                    "Name of the CSI driver This field is immutable.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::VolumeAttributesClass, now: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            object.driver_name.clone().into(),
            columns::age(&object.metadata, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn errors() {
        let base = json!({"metadata": {"name": "a"}, "driverName": "d", "parameters": {"a": "b"}});
        cases::creates(
            &VolumeAttributesClass,
            base.clone(),
            &[
                (json!({}), &[]),
                (
                    json!({"driverName": "", "parameters": null}),
                    &[
                        "driverName: Required value",
                        "parameters: Required value: must contain at least one key/value pair",
                    ],
                ),
            ],
        );
        cases::updates(
            &VolumeAttributesClass,
            base,
            &[(
                json!({"driverName": "e", "parameters": {"a": "c"}}),
                &[
                    "driverName: Forbidden: updates to driverName are forbidden.",
                    "parameters: Forbidden: updates to parameters are forbidden.",
                ],
            )],
        );
    }
}
