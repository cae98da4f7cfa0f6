//! A service address in use; the claim that makes it unique.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::networking::v1 as upstream;

/// The law of IPAddress.
pub(crate) struct IPAddress;

impl Strategy for IPAddress {
    type Object = upstream::IPAddress;

    fn names(&self) -> Names {
        Names::cluster("ipaddresses", "ipaddress").short(&["ip"])
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        machinery::names::ip_errors(name)
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
        let parts = [
            it.group.clone(),
            Some(it.resource.clone()),
            it.namespace.clone(),
            Some(it.name.clone()),
        ];
        let parts: Vec<_> = parts
            .into_iter()
            .flatten()
            .filter(|it| !it.is_empty())
            .collect();
        vec![
            columns::name(&object.metadata),
            parts.join("/").into(),
            columns::age(&object.metadata, now),
        ]
    }
}
