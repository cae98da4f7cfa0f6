//! Changeable attributes of volumes.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::storage::v1 as upstream;

/// The law of VolumeAttributesClass.
pub(crate) struct VolumeAttributesClass;

impl Strategy for VolumeAttributesClass {
    type Object = upstream::VolumeAttributesClass;

    fn names(&self) -> Names {
        Names::cluster("volumeattributesclasses", "volumeattributesclass").short(&["vac"])
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
