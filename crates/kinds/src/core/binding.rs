//! A pod bound to a node by the legacy `bindings` path; kept because old schedulers post here.

use crate::{Names, Strategy};
use k8s_openapi::api::core::v1 as upstream;

/// The law of Binding.
pub(crate) struct Binding;

impl Strategy for Binding {
    type Object = upstream::Binding;

    fn names(&self) -> Names {
        Names::namespaced("bindings", "binding").verbs(&["create"])
    }
}
