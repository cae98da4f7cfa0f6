//! Bounds and defaults for the resources of a namespace.

use crate::{Names, Strategy};
use k8s_openapi::api::core::v1 as upstream;

/// The law of LimitRange.
pub(crate) struct LimitRange;

impl Strategy for LimitRange {
    type Object = upstream::LimitRange;

    fn names(&self) -> Names {
        Names::namespaced("limitranges", "limitrange").short(&["limits"])
    }
}
