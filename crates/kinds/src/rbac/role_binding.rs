//! Grants a role in one namespace.

use crate::{Names, Strategy};
use k8s_openapi::api::rbac::v1 as upstream;

/// The law of RoleBinding.
pub(crate) struct RoleBinding;

impl Strategy for RoleBinding {
    type Object = upstream::RoleBinding;

    fn names(&self) -> Names {
        Names::namespaced("rolebindings", "rolebinding")
    }
}
