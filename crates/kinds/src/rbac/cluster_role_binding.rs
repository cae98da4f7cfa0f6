//! Grants a ClusterRole in the whole cluster.

use crate::{Cell, Column, Names, Strategy};
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1 as upstream;
use machinery::field::ErrorList;

/// The law of ClusterRoleBinding.
pub(crate) struct ClusterRoleBinding;

impl Strategy for ClusterRoleBinding {
    type Object = upstream::ClusterRoleBinding;

    fn names(&self) -> Names {
        Names::cluster("clusterrolebindings", "clusterrolebinding")
    }

    fn default(&self, object: &mut upstream::ClusterRoleBinding) {
        super::subjects::defaults(&mut object.role_ref, object.subjects.as_deref_mut());
    }

    fn validate(&self, object: &upstream::ClusterRoleBinding) -> ErrorList {
        super::subjects::validate(&object.role_ref, object.subjects.as_deref(), false)
    }

    fn validate_update(
        &self,
        new: &upstream::ClusterRoleBinding,
        old: &upstream::ClusterRoleBinding,
    ) -> ErrorList {
        let mut errors = self.validate(new);
        if new.role_ref != old.role_ref {
            errors.push(super::subjects::role_is_fixed(&new.role_ref));
        }
        errors
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        machinery::names::path_segment_errors(name)
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        const COLUMNS: &[Column] = &super::subjects::columns(
            "RoleRef can only reference a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error. This field is immutable.",
            [
                "Users in the clusterRoleBinding",
                "Groups in the clusterRoleBinding",
                "ServiceAccounts in the clusterRoleBinding",
            ],
        );
        COLUMNS
    }

    fn row(&self, object: &upstream::ClusterRoleBinding, now: Timestamp) -> Vec<Cell> {
        let subjects = object.subjects.as_deref();
        super::subjects::row(&object.metadata, &object.role_ref, subjects, now)
    }
}
