//! What both kinds of bindings have in common: the role they grant and to whom.

use crate::{Cell, Column, check, columns};
use jiff::Timestamp;
use k8s_openapi::{
    api::rbac::v1::{RoleRef, Subject},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

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
fn by_kind(subjects: Option<&[Subject]>) -> [String; 3] {
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

/// The columns of a binding; the help texts speak of the kind.
pub(super) const fn columns(role: &'static str, help: [&'static str; 3]) -> [Column; 6] {
    [
        Column::NAME,
        Column::text("Role", role),
        Column::AGE,
        Column::text("Users", help[0]).wide(),
        Column::text("Groups", help[1]).wide(),
        Column::text("ServiceAccounts", help[2]).wide(),
    ]
}

/// The cells of a binding.
pub(super) fn row(
    metadata: &ObjectMeta,
    role: &RoleRef,
    subjects: Option<&[Subject]>,
    now: Timestamp,
) -> Vec<Cell> {
    let [users, groups, accounts] = by_kind(subjects);
    vec![
        columns::name(metadata),
        format!("{}/{}", role.kind, role.name).into(),
        columns::age(metadata, now),
        users.into(),
        groups.into(),
        accounts.into(),
    ]
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
    if check::required(&mut errors, &path.child("name"), Some(&role.name)) {
        let found = names::path_segment_errors(&role.name);
        check::messages(&mut errors, &path.child("name"), &role.name, found);
    }
    for (index, it) in subjects.unwrap_or_default().iter().enumerate() {
        let path = Path::new("subjects").index(index);
        subject(&mut errors, &path, it, namespaced);
    }
    errors
}

fn subject(e: &mut ErrorList, path: &Path, it: &Subject, namespaced: bool) {
    let named = check::required(e, &path.child("name"), Some(&it.name));
    let group = it.api_group.as_deref().unwrap_or_default();
    let at = path.child("apiGroup");
    match it.kind.as_str() {
        "ServiceAccount" => {
            if named {
                let found = names::subdomain_errors(&it.name);
                check::messages(e, &path.child("name"), &it.name, found);
            }
            if !group.is_empty() {
                e.push(Error::not_supported(&at, group, &[""]));
            }
            if !namespaced {
                check::required(e, &path.child("namespace"), it.namespace.as_ref());
            }
        }
        "User" | "Group" if group != GROUP => {
            e.push(Error::not_supported(&at, group, &[GROUP]));
        }
        "User" | "Group" => {}
        other => e.push(Error::not_supported(
            &path.child("kind"),
            other,
            &["ServiceAccount", "User", "Group"],
        )),
    }
}

/// A binding grants one role for its whole life.
pub(super) fn role_is_fixed(role: &RoleRef) -> Error {
    let shown =
        serde_json::json!({"APIGroup": role.api_group, "Kind": role.kind, "Name": role.name});
    Error::invalid(&Path::new("roleRef"), shown, "cannot change roleRef")
}
