//! A container runtime configuration.

use crate::{Names, Strategy};
use k8s_openapi::api::node::v1 as upstream;

/// The law of RuntimeClass.
pub(crate) struct RuntimeClass;

impl Strategy for RuntimeClass {
    type Object = upstream::RuntimeClass;

    fn names(&self) -> Names {
        Names::cluster("runtimeclasses", "runtimeclass")
    }
}
