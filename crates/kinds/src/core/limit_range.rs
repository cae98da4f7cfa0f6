//! Bounds and defaults for the resources of a namespace.

#[cfg(test)]
mod tests;
mod validate;

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::{api::core::v1 as upstream, apimachinery::pkg::api::resource::Quantity};
use machinery::field::ErrorList;
use std::collections::BTreeMap;

/// The law of LimitRange.
pub(crate) struct LimitRange;

type Amounts = Option<BTreeMap<String, Quantity>>;

impl Strategy for LimitRange {
    type Object = upstream::LimitRange;

    fn names(&self) -> Names {
        Names::namespaced("limitranges", "limitrange").short(&["limits"])
    }

    /// A container's limit follows from its maximum, its request from the limit, then from the minimum.
    fn default(&self, object: &mut upstream::LimitRange) {
        let limits = object.spec.iter_mut().flat_map(|it| &mut it.limits);
        for item in limits.filter(|it| it.type_ == "Container") {
            fill(&mut item.default, &item.max);
            fill(&mut item.default_request, &item.default);
            fill(&mut item.default_request, &item.min);
        }
    }

    fn validate(&self, object: &upstream::LimitRange) -> ErrorList {
        validate::limit_range(object)
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        const { &[Column::NAME, Column::CREATED_AT] }
    }

    fn row(&self, object: &upstream::LimitRange, _: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            columns::created_at(&object.metadata),
        ]
    }
}

fn fill(amounts: &mut Amounts, from: &Amounts) {
    for (name, amount) in from.iter().flatten() {
        let amounts = amounts.get_or_insert_default();
        amounts
            .entry(name.clone())
            .or_insert_with(|| amount.clone());
    }
}
