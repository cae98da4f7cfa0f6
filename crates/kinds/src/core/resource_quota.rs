//! Limits on what a namespace may use in sum.

#[cfg(test)]
mod tests;
mod validate;

use crate::{Cell, Column, Names, Strategy, Subresource, columns};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;
use machinery::field::ErrorList;

/// The law of ResourceQuota.
pub(crate) struct ResourceQuota;

impl Strategy for ResourceQuota {
    type Object = upstream::ResourceQuota;

    fn names(&self) -> Names {
        Names::namespaced("resourcequotas", "resourcequota")
            .returning_deleted()
            .short(&["quota"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("ResourceQuota")] }
    }

    crate::prepare::status_apart!();

    fn validate(&self, object: &upstream::ResourceQuota) -> ErrorList {
        validate::spec(object)
    }

    fn validate_update(
        &self,
        new: &upstream::ResourceQuota,
        old: &upstream::ResourceQuota,
    ) -> ErrorList {
        validate::update(new, old)
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::ResourceQuota,
        _: &upstream::ResourceQuota,
    ) -> ErrorList {
        validate::status(new)
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Request",
                    "Request represents a minimum amount of cpu/memory that a container may consume.",
                ),
                Column::text(
                    "Limit",
                    "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::ResourceQuota, now: Timestamp) -> Vec<Cell> {
        let status = object.status.clone().unwrap_or_default();
        let used = |name: &str| {
            status
                .used
                .as_ref()
                .and_then(|it| it.get(name))
                .map_or("0", |it| it.0.as_str())
        };
        let all = status.hard.iter().flatten().map(|(name, hard)| {
            (
                name.starts_with("limits."),
                format!("{name}: {}/{}", used(name), hard.0),
            )
        });
        let (limits, requests): (Vec<_>, Vec<_>) = all.partition(|it| it.0);
        let texts = |list: Vec<(bool, String)>| list.into_iter().map(|it| it.1).collect::<Vec<_>>();
        let (limits, requests) = (texts(limits), texts(requests));
        vec![
            columns::name(&object.metadata),
            requests.join(", ").into(),
            limits.join(", ").into(),
            columns::age(&object.metadata, now),
        ]
    }
}
