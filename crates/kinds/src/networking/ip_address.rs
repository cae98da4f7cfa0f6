//! A service address in use; the claim that makes it unique.

use super::ingress::validate::segment;
use crate::{Cell, Column, Names, Strategy, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::networking::v1 as upstream;
use machinery::{
    addresses,
    field::{ErrorList, Path, Value},
    names,
};

/// The law of IPAddress.
pub(crate) struct IPAddress;

impl Strategy for IPAddress {
    type Object = upstream::IPAddress;

    fn names(&self) -> Names {
        Names::cluster("ipaddresses", "ipaddress").short(&["ip"])
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        addresses::canonical_address_errors(name)
    }

    fn validate(&self, object: &upstream::IPAddress) -> ErrorList {
        let mut errors = ErrorList::new();
        let it = &object.spec.parent_ref;
        let path = Path::new("spec").child("parentRef");
        if let Some(group) = it.group.as_ref().filter(|it| !it.is_empty()) {
            let found = names::subdomain_errors(group);
            check::messages(&mut errors, &path.child("group"), group, found);
        }
        segment(&mut errors, &path.child("resource"), &it.resource, "");
        segment(&mut errors, &path.child("name"), &it.name, "");
        if let Some(namespace) = &it.namespace {
            let found = names::path_segment_errors(namespace);
            check::messages(&mut errors, &path.child("namespace"), namespace, found);
        }
        errors
    }

    fn validate_update(&self, new: &upstream::IPAddress, old: &upstream::IPAddress) -> ErrorList {
        let mut errors = ErrorList::new();
        let (it, before) = (&new.spec.parent_ref, &old.spec.parent_ref);
        let path = Path::new("spec").child("parentRef");
        let shown = Value::fields([
            ("Group", it.group.as_deref().unwrap_or_default().into()),
            ("Resource", (&it.resource).into()),
            (
                "Namespace",
                it.namespace.as_deref().unwrap_or_default().into(),
            ),
            ("Name", (&it.name).into()),
        ]);
        check::immutable(&mut errors, &path, it == before, shown);
        errors
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "ParentRef",
                    "ParentRef references the resource that an IPAddress is attached to. An IPAddress must reference a parent object.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::IPAddress, now: Timestamp) -> Vec<Cell> {
        let it = &object.spec.parent_ref;
        let given = |it: &Option<String>| it.clone().filter(|it| !it.is_empty());
        let mut parent = match given(&it.group) {
            Some(group) => format!("{}.{group}", it.resource),
            None => it.resource.clone(),
        }
        .to_lowercase();
        for part in given(&it.namespace).iter().chain([&it.name]) {
            parent = format!("{parent}/{part}");
        }
        vec![
            columns::name(&object.metadata),
            parent.into(),
            columns::age(&object.metadata, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn errors_and_rows() {
        let base = json!({"metadata": {"name": "10.0.0.1"}, "spec": {"parentRef": {"resource": "services", "namespace": "a", "name": "b"}}});
        let parent = |it| json!({"spec": {"parentRef": it}});
        cases::creates(
            &IPAddress,
            base.clone(),
            &[
                (json!({}), &[]),
                (
                    parent(json!({"resource": "", "name": "a/b"})),
                    &[
                        "spec.parentRef.resource: Required value",
                        "spec.parentRef.name: Invalid value: \"a/b\": may not contain '/'",
                    ],
                ),
            ],
        );
        cases::updates(
            &IPAddress,
            base.clone(),
            &[(
                parent(json!({"name": "c"})),
                &[
                    "spec.parentRef: Invalid value: {\"Group\":\"\",\"Resource\":\"services\",\"Namespace\":\"a\",\"Name\":\"c\"}: field is immutable",
                ],
            )],
        );
        assert_eq!(
            IPAddress.name_errors("fd00:0::1"),
            ["must be in canonical form (\"fd00::1\")"]
        );
        assert_eq!(
            cases::row(&IPAddress, base),
            "10.0.0.1|services/a/b|<unknown>"
        );
    }
}
