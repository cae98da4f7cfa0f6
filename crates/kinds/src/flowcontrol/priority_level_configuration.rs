//! Concurrency and queues of a priority level.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::flowcontrol::v1 as upstream;

/// The law of PriorityLevelConfiguration.
pub(crate) struct PriorityLevelConfiguration;

impl Strategy for PriorityLevelConfiguration {
    type Object = upstream::PriorityLevelConfiguration;

    fn names(&self) -> Names {
        Names::cluster("prioritylevelconfigurations", "prioritylevelconfiguration")
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("PriorityLevelConfiguration")] }
    }

    crate::prepare::spec_and_status!();
}
