//! Promise: a finished Job goes, with its pods, once the seconds it was given after its end have passed.
//! Upstream: ttl-after-finished-controller.

use crate::{Context, job};
use async_trait::async_trait;
use client::DeleteOptions;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Wiring, Writes};
use std::{sync::Arc, time::Duration};
use stdx::clock::Clock;

pub(crate) const NAME: &str = "ttl-after-finished-controller";

pub(crate) struct TtlAfterFinished {
    jobs: Arc<Cache<Job>>,
    clock: Clock,
}

impl TtlAfterFinished {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            jobs: context.caches.of(),
            clock: context.clock.clone(),
        }
    }
}

/// How long the job may still stay; nothing when it may stay forever or has yet to end.
fn time_left(job: &Job, now: Timestamp) -> Option<Duration> {
    let seconds = job.spec.as_ref()?.ttl_seconds_after_finished?;
    let ended = job::end(job)?.last_transition_time.as_ref()?.0;
    let left = SignedDuration::from_secs(seconds.into()) - now.duration_since(ended);
    Some(Duration::try_from(left).unwrap_or(Duration::ZERO))
}

#[async_trait]
impl Reconcile for TtlAfterFinished {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<Job>();
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let job = self.jobs.get_key(key);
        let job = job.filter(|job| job.metadata.deletion_timestamp.is_none());
        let Some((job, left)) =
            job.and_then(|job| time_left(&job, self.clock.now()).map(|left| (job, left)))
        else {
            return Ok(Outcome::Done);
        };
        if !left.is_zero() {
            return Ok(Outcome::After(left));
        }
        // The revision guards against a time to live that was raised meanwhile.
        let options = DeleteOptions {
            propagation: Some("Foreground"),
            uid: job.metadata.uid.clone(),
            resource_version: job.metadata.resource_version.clone(),
            ..DeleteOptions::default()
        };
        writes
            .delete::<Job>(&key.namespace, &key.name, &options)
            .await?;
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;

    #[test]
    fn time_runs_from_the_end() {
        let job = |ttl: &str, condition: &str| {
            let tree = format!(
                r#"{{"metadata": {{"name": "j"}}, "spec": {{{ttl}"template": {{}}}}, "status": {{"conditions": [{{"type": "{condition}",
                "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}}]}}}}"#
            );
            Job::decode(tree.as_bytes()).unwrap()
        };
        let now: Timestamp = "2026-01-01T00:00:10Z".parse().unwrap();
        let ttl = r#""ttlSecondsAfterFinished": 30, "#;
        let left = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(time_left(&job(ttl, "Complete"), now), left(20));
        assert_eq!(time_left(&job(ttl, "Failed"), now), left(20));
        assert_eq!(time_left(&job(ttl, "Suspended"), now), None);
        assert_eq!(time_left(&job("", "Complete"), now), None);
        let later = now + SignedDuration::from_secs(60);
        assert_eq!(time_left(&job(ttl, "Complete"), later), left(0));
    }
}
