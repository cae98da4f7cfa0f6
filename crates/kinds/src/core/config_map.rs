//! Configuration as keys and values.

use crate::{Names, Strategy};
use k8s_openapi::api::core::v1 as upstream;

/// The law of ConfigMap.
pub(crate) struct ConfigMap;

impl Strategy for ConfigMap {
    type Object = upstream::ConfigMap;

    fn names(&self) -> Names {
        Names::namespaced("configmaps", "configmap").short(&["cm"])
    }
}
