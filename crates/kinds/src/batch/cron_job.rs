//! Jobs on a schedule.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::batch::v1 as upstream;

/// The law of CronJob.
pub(crate) struct CronJob;

impl Strategy for CronJob {
    type Object = upstream::CronJob;

    fn names(&self) -> Names {
        Names::namespaced("cronjobs", "cronjob")
            .short(&["cj"])
            .categories(&["all"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("CronJob")] }
    }
}
