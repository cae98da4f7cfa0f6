//! autoscaling/v1 HorizontalPodAutoscaler: a view of the v2 form, in which it is stored.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::autoscaling::v1 as upstream;

/// The law of HorizontalPodAutoscaler.
pub(crate) struct HorizontalPodAutoscaler;

impl Strategy for HorizontalPodAutoscaler {
    type Object = upstream::HorizontalPodAutoscaler;

    fn names(&self) -> Names {
        Names::namespaced("horizontalpodautoscalers", "horizontalpodautoscaler")
            .short(&["hpa"])
            .categories(&["all"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("HorizontalPodAutoscaler")] }
    }
}
