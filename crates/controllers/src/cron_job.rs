//! Promise: a CronJob's job starts at each time of its schedule, once, as its concurrency policy allows;
//! finished jobs stay as long as its history limits say. Upstream: cronjob-controller.

mod plan;
mod schedule;

use crate::Context;
use async_trait::async_trait;
use client::DeleteOptions;
use k8s_openapi::{
    api::batch::v1::{CronJob, Job},
    apimachinery::pkg::apis::meta::v1::Time,
};
use machinery::owners;
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Recorder, Wiring, Writes, reference};
use std::sync::Arc;
use stdx::clock::Clock;

pub(crate) const NAME: &str = "cronjob-controller";

pub(crate) struct CronJobs {
    cron_jobs: Arc<Cache<CronJob>>,
    jobs: Arc<Cache<Job>>,
    recorder: Recorder,
    clock: Clock,
}

impl CronJobs {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            cron_jobs: context.caches.of(),
            jobs: context.caches.of(),
            recorder: context.recorder.named(NAME),
            clock: context.clock.clone(),
        }
    }

    async fn delete(&self, cron_job: &CronJob, name: &str, writes: &Writes) -> Result<(), Error> {
        let namespace = cron_job.metadata.namespace.as_deref().unwrap_or_default();
        let options = DeleteOptions {
            propagation: Some("Background"),
            ..DeleteOptions::default()
        };
        let about = reference(cron_job);
        if let Err(error) = writes.delete::<Job>(namespace, name, &options).await {
            let message = format!("Deleted job: {error}");
            self.recorder.warning(&about, "FailedDelete", &message);
            return Err(error.into());
        }
        let message = format!("Deleted job {name}");
        self.recorder.normal(&about, "SuccessfulDelete", &message);
        Ok(())
    }

    /// Creates the job of one time; one that exists already is the same.
    async fn start(&self, cron_job: &CronJob, job: &Job, writes: &Writes) -> Result<Job, Error> {
        let about = reference(cron_job);
        let key = Key::of(&job.metadata);
        match writes.create(job).await {
            Ok(created) => {
                let message = format!("Created job {}", key.name);
                self.recorder.normal(&about, "SuccessfulCreate", &message);
                Ok(created)
            }
            Err(error) if error.is_already_exists() => {
                let found: Job = writes.client().get(&key.namespace, &key.name).await?;
                let uid = cron_job.metadata.uid.as_deref().unwrap_or_default();
                if owners::is_controlled_by(&found.metadata, uid) {
                    return Ok(found);
                }
                Err(error.into())
            }
            Err(error) => {
                let message = format!("Error creating job: {error}");
                self.recorder.warning(&about, "FailedCreate", &message);
                Err(error.into())
            }
        }
    }

    async fn apply(
        &self,
        cron_job: &CronJob,
        plan: plan::Plan,
        writes: &Writes,
    ) -> Result<Outcome, Error> {
        let about = reference(cron_job);
        for (warns, reason, message) in &plan.told {
            match warns {
                true => self.recorder.warning(&about, reason, message),
                false => self.recorder.normal(&about, reason, message),
            }
        }
        for name in &plan.forget {
            self.delete(cron_job, name, writes).await?;
        }
        for job in &plan.replace {
            let name = job.name.as_deref().unwrap_or_default();
            self.delete(cron_job, name, writes).await?;
        }
        let mut status = plan.status;
        if let Some((job, time)) = plan.start {
            let started = self.start(cron_job, &job, writes).await?;
            status
                .active
                .get_or_insert_default()
                .push(reference(&started));
            status.last_schedule_time = Some(Time(time));
        }
        if cron_job.status.as_ref() != Some(&status) {
            let mut changed = cron_job.clone();
            changed.status = Some(status);
            writes.update_status(&changed).await?;
        }
        Ok(plan.look_again.map_or(Outcome::Done, Outcome::After))
    }
}

#[async_trait]
impl Reconcile for CronJobs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<CronJob>();
        wiring.on_owned::<Job, CronJob>();
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(cron_job) = self.cron_jobs.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let uid = cron_job.metadata.uid.as_deref().unwrap_or_default();
        let mut jobs = self.jobs.list_in(&key.namespace);
        jobs.retain(|job| owners::is_controlled_by(&job.metadata, uid));
        let plan = plan::plan(&cron_job, &jobs, self.clock.now());
        self.apply(&cron_job, plan, writes).await
    }
}
