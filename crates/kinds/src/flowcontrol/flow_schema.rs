//! Sorts requests into priority levels.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::flowcontrol::v1 as upstream;

/// The law of FlowSchema.
pub(crate) struct FlowSchema;

impl Strategy for FlowSchema {
    type Object = upstream::FlowSchema;

    fn names(&self) -> Names {
        Names::cluster("flowschemas", "flowschema")
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("FlowSchema")] }
    }

    crate::prepare::spec_and_status!();
}
