//! Changeable attributes of volumes.

use crate::{Names, Strategy};
use k8s_openapi::api::storage::v1 as upstream;

/// The law of VolumeAttributesClass.
pub(crate) struct VolumeAttributesClass;

impl Strategy for VolumeAttributesClass {
    type Object = upstream::VolumeAttributesClass;

    fn names(&self) -> Names {
        Names::cluster("volumeattributesclasses", "volumeattributesclass").short(&["vac"])
    }
}
