//! Permissions in one namespace.

use crate::{Names, Strategy};
use k8s_openapi::api::rbac::v1 as upstream;

/// The law of Role.
pub(crate) struct Role;

impl Strategy for Role {
    type Object = upstream::Role;

    fn names(&self) -> Names {
        Names::namespaced("roles", "role")
    }
}
