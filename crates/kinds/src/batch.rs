//! Workloads that end.

pub(crate) mod cron_job;
pub(crate) mod job;
