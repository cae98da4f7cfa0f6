//! What both kinds of bindings have in common: the role they grant and to whom.

use crate::check;
use k8s_openapi::api::rbac::v1::{RoleRef, Subject};
use machinery::field::{Error, ErrorList, Path};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Users and groups belong to the RBAC group, service accounts to the core group.
pub(super) fn defaults(role: &mut RoleRef, subjects: Option<&mut [Subject]>) {
    if role.api_group.as_ref().is_none_or(String::is_empty) {
        role.api_group = Some(GROUP.to_owned());
    }
    for subject in subjects.into_iter().flatten() {
        if matches!(subject.kind.as_str(), "User" | "Group")
            && subject.api_group.as_ref().is_none_or(String::is_empty)
        {
            subject.api_group = Some(GROUP.to_owned());
        }
    }
}

/// Users, groups and service accounts, as the wide columns show them.
pub(super) fn names(subjects: Option<&[Subject]>) -> [String; 3] {
    let of = |kind: &str| {
        let list = subjects.into_iter().flatten().filter(|it| it.kind == kind);
        let list: Vec<_> = list
            .map(|it| {
                if kind == "ServiceAccount" {
                    format!(
                        "{}/{}",
                        it.namespace.as_deref().unwrap_or_default(),
                        it.name
                    )
                } else {
                    it.name.clone()
                }
            })
            .collect();
        list.join(", ")
    };
    [of("User"), of("Group"), of("ServiceAccount")]
}

/// Errors of a binding; only a RoleBinding may name a Role.
pub(super) fn validate(
    role: &RoleRef,
    subjects: Option<&[Subject]>,
    namespaced: bool,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let path = Path::new("roleRef");
    if role.api_group.as_deref() != Some(GROUP) {
        errors.push(Error::not_supported(
            &path.child("apiGroup"),
            role.api_group.clone().unwrap_or_default(),
            &[GROUP],
        ));
    }
    let kinds: &[&str] = if namespaced {
        &["Role", "ClusterRole"]
    } else {
        &["ClusterRole"]
    };
    if !kinds.contains(&role.kind.as_str()) {
        errors.push(Error::not_supported(&path.child("kind"), &role.kind, kinds));
    }
    check::required(&mut errors, &path.child("name"), Some(&role.name));
    for (index, subject) in subjects.unwrap_or_default().iter().enumerate() {
        let path = Path::new("subjects").index(index);
        check::required(&mut errors, &path.child("name"), Some(&subject.name));
        match subject.kind.as_str() {
            "ServiceAccount" => {
                if !namespaced {
                    check::required(
                        &mut errors,
                        &path.child("namespace"),
                        subject.namespace.as_ref(),
                    );
                }
            }
            "User" | "Group" => {}
            other => errors.push(Error::not_supported(
                &path.child("kind"),
                other,
                &["Group", "ServiceAccount", "User"],
            )),
        }
    }
    errors
}

/// A binding grants one role for its whole life.
pub(super) fn role_is_fixed(role: &RoleRef) -> Error {
    let shown =
        serde_json::json!({"apiGroup": role.api_group, "kind": role.kind, "name": role.name});
    Error::invalid(&Path::new("roleRef"), shown, "cannot change roleRef")
}
