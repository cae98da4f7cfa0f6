//! Pods that run to completion.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::batch::v1 as upstream;

/// The law of Job.
pub(crate) struct Job;

impl Strategy for Job {
    type Object = upstream::Job;

    fn names(&self) -> Names {
        Names::namespaced("jobs", "job").categories(&["all"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("Job")] }
    }
}
