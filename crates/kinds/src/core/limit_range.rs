//! Bounds and defaults for the resources of a namespace.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;

/// The law of LimitRange.
pub(crate) struct LimitRange;

impl Strategy for LimitRange {
    type Object = upstream::LimitRange;

    fn names(&self) -> Names {
        Names::namespaced("limitranges", "limitrange").short(&["limits"])
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
