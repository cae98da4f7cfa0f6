//! Grants a role in one namespace.

use crate::{Cell, Column, Names, Strategy};
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
        const COLUMNS: &[Column] = &super::subjects::columns(
            "RoleRef can reference a Role in the current namespace or a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error. This field is immutable.",
            [
                "Users in the roleBinding",
                "Groups in the roleBinding",
                "ServiceAccounts in the roleBinding",
            ],
        );
        COLUMNS
    }

    fn row(&self, object: &upstream::RoleBinding, now: Timestamp) -> Vec<Cell> {
        let subjects = object.subjects.as_deref();
        super::subjects::row(&object.metadata, &object.role_ref, subjects, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cases, rbac::cluster_role_binding::ClusterRoleBinding};
    use serde_json::{Value, json};

    #[test]
    fn errors_and_rows() {
        let base =
            json!({"metadata": {"name": "a"}, "roleRef": {"kind": "ClusterRole", "name": "r"}});
        let subject = |it: Value| json!({"subjects": [it]});
        cases::creates(
            &RoleBinding,
            base.clone(),
            &[
                (json!({}), &[]),
                (
                    json!({"roleRef": {"kind": "Foo", "name": ""}}),
                    &[
                        "roleRef.kind: Unsupported value: \"Foo\": supported values: \"Role\", \"ClusterRole\"",
                        "roleRef.name: Required value",
                    ],
                ),
                (subject(json!({"kind": "ServiceAccount", "name": "s"})), &[]),
                (
                    subject(json!({"kind": "ServiceAccount", "name": "s", "apiGroup": "a"})),
                    &["subjects[0].apiGroup: Unsupported value: \"a\": supported values: \"\""],
                ),
                (
                    subject(json!({"kind": "User", "name": "", "apiGroup": "a"})),
                    &[
                        "subjects[0].name: Required value",
                        "subjects[0].apiGroup: Unsupported value: \"a\": supported values: \"rbac.authorization.k8s.io\"",
                    ],
                ),
                (
                    subject(json!({"kind": "Foo", "name": "s"})),
                    &[
                        "subjects[0].kind: Unsupported value: \"Foo\": supported values: \"ServiceAccount\", \"User\", \"Group\"",
                    ],
                ),
            ],
        );
        cases::creates(
            &ClusterRoleBinding,
            base.clone(),
            &[(
                subject(json!({"kind": "ServiceAccount", "name": "s"})),
                &["subjects[0].namespace: Required value"],
            )],
        );
        cases::updates(
            &RoleBinding,
            base.clone(),
            &[(
                json!({"roleRef": {"name": "q"}}),
                &[
                    "roleRef: Invalid value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"ClusterRole\",\"Name\":\"q\"}: cannot change roleRef",
                ],
            )],
        );
        let bound = cases::merged(
            &base,
            &json!({"subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s", "namespace": "n"}]}),
        );
        assert_eq!(
            cases::row(&RoleBinding, bound),
            "a|ClusterRole/r|<unknown>|u||n/s"
        );
    }
}
