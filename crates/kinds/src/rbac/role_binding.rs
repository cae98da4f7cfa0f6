//! Grants a role in one namespace.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1 as upstream;

use machinery::field::ErrorList;

/// The law of RoleBinding.
pub(crate) struct RoleBinding;

impl Strategy for RoleBinding {
    type Object = upstream::RoleBinding;

    fn names(&self) -> Names {
        Names::namespaced("rolebindings", "rolebinding")
    }

    fn default(&self, object: &mut upstream::RoleBinding) {
        super::subjects::defaults(&mut object.role_ref, object.subjects.as_deref_mut());
    }

    fn validate(&self, object: &upstream::RoleBinding) -> ErrorList {
        super::subjects::validate(&object.role_ref, object.subjects.as_deref(), true)
    }

    fn validate_update(
        &self,
        new: &upstream::RoleBinding,
        old: &upstream::RoleBinding,
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
        const {
            &[
                Column::NAME,
                Column::text(
                    "Role",
                    "RoleRef can reference a Role in the current namespace or a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error. This field is immutable.",
                ),
                Column::AGE,
                Column::text("Users", "Users in the roleBinding").wide(),
                Column::text("Groups", "Groups in the roleBinding").wide(),
                Column::text("ServiceAccounts", "ServiceAccounts in the roleBinding").wide(),
            ]
        }
    }

    fn row(&self, object: &upstream::RoleBinding, now: Timestamp) -> Vec<Cell> {
        let [users, groups, accounts] = super::subjects::names(object.subjects.as_deref());
        vec![
            columns::name(&object.metadata),
            format!("{}/{}", object.role_ref.kind, object.role_ref.name).into(),
            columns::age(&object.metadata, now),
            users.into(),
            groups.into(),
            accounts.into(),
        ]
    }
}
