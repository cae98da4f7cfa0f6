//! Devices that a driver offers.

use crate::{Names, Strategy};
use k8s_openapi::api::resource::v1 as upstream;

/// The law of ResourceSlice.
pub(crate) struct ResourceSlice;

impl Strategy for ResourceSlice {
    type Object = upstream::ResourceSlice;

    fn names(&self) -> Names {
        Names::cluster("resourceslices", "resourceslice")
    }
}
