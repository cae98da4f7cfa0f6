//! A class of devices, chosen by expressions.

use crate::{Names, Strategy};
use k8s_openapi::api::resource::v1 as upstream;

/// The law of DeviceClass.
pub(crate) struct DeviceClass;

impl Strategy for DeviceClass {
    type Object = upstream::DeviceClass;

    fn names(&self) -> Names {
        Names::cluster("deviceclasses", "deviceclass")
    }
}
