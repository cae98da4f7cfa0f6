//! What a CronJob does now: which job to start, which to stop or forget, when to look again. Pure.

#[cfg(test)]
mod tests;

use super::schedule::{self, Schedule};
use crate::job;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::{
        batch::v1::{CronJob, CronJobStatus, Job},
        core::v1::ObjectReference,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use machinery::{owners, workloads};
use std::{sync::Arc, time::Duration};

/// Added to a wait, so that a clock that is a little behind does not see the time as still to come.
const MARGIN: Duration = Duration::from_millis(100);
const SCHEDULED_AT: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// An event to record: whether it warns, its reason, its message.
pub(super) type Told = (bool, &'static str, String);

/// What to do.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) told: Vec<Told>,
    /// The job to start and the time it is for.
    pub(super) start: Option<(Job, Timestamp)>,
    /// Running jobs that the new one replaces.
    pub(super) replace: Vec<ObjectReference>,
    /// Names of finished jobs beyond the history limits.
    pub(super) forget: Vec<String>,
    /// The status but for what starting a job adds.
    pub(super) status: CronJobStatus,
    pub(super) look_again: Option<Duration>,
}

fn name(job: &Job) -> &str {
    job.metadata.name.as_deref().unwrap_or_default()
}

fn end(job: &Job) -> Option<&str> {
    job::end(job).map(|it| it.type_.as_str())
}

/// Decides what to do, given the jobs that the CronJob controls.
pub(super) fn plan(cron_job: &CronJob, jobs: &[Arc<Job>], now: Timestamp) -> Plan {
    let mut plan = Plan {
        status: cron_job.status.clone().unwrap_or_default(),
        forget: beyond_limits(cron_job, jobs),
        ..Plan::default()
    };
    account(jobs, &mut plan);
    if cron_job.metadata.deletion_timestamp.is_none() && cron_job.spec.suspend != Some(true) {
        schedule(cron_job, now, &mut plan);
    }
    plan
}

/// Brings the list of active jobs up to date.
fn account(jobs: &[Arc<Job>], plan: &mut Plan) {
    let mut active = plan.status.active.take().unwrap_or_default();
    for job in jobs {
        let place = active.iter().position(|it| it.uid == job.metadata.uid);
        match (place, end(job)) {
            (None, None) => {
                let name = name(job);
                let message =
                    format!("Saw a job that the controller did not create or forgot: {name}");
                plan.told.push((true, "UnexpectedJob", message));
            }
            (Some(place), Some(end)) => {
                active.remove(place);
                let message = format!("Saw completed job: {}, condition: {end}", name(job));
                plan.told.push((false, "SawCompletedJob", message));
            }
            _ => {}
        }
        let completed = job
            .status
            .as_ref()
            .and_then(|it| it.completion_time.clone());
        if end(job) == Some("Complete") && completed > plan.status.last_successful_time {
            plan.status.last_successful_time = completed;
        }
    }
    active.retain(|reference| {
        let exists = jobs.iter().any(|job| job.metadata.uid == reference.uid);
        if !exists {
            let name = reference.name.as_deref().unwrap_or_default();
            let message = format!("Active job went missing: {name}");
            plan.told.push((false, "MissingJob", message));
        }
        exists
    });
    plan.status.active = Some(active).filter(|active| !active.is_empty());
}

fn schedule(cron_job: &CronJob, now: Timestamp, plan: &mut Plan) {
    let spec = &cron_job.spec;
    let zone = match schedule::zone(spec.time_zone.as_deref()) {
        Ok(zone) => zone,
        Err(error) => {
            let name = spec.time_zone.as_deref().unwrap_or_default();
            let message = format!("invalid timeZone: {name:?}: {error}");
            return plan.told.push((true, "UnknownTimeZone", message));
        }
    };
    let schedule = match Schedule::parse(&spec.schedule, zone) {
        Ok(schedule) => schedule,
        Err(error) => {
            let message = format!("unparseable schedule: {:?} : {error}", spec.schedule);
            return plan.told.push((true, "UnparseableSchedule", message));
        }
    };
    let strikes = schedule.strikes(earliest(cron_job, now), now);
    let wait = strikes.next.map(|next| next.duration_since(now));
    plan.look_again = wait.map(|wait| Duration::try_from(wait).unwrap_or_default() + MARGIN);
    if strikes.too_many {
        let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
        plan.told
            .push((true, "TooManyMissedTimes", message.to_owned()));
    }
    let Some(time) = strikes.last else { return };
    let deadline = spec
        .starting_deadline_seconds
        .map(SignedDuration::from_secs);
    if deadline.is_some_and(|deadline| now.duration_since(time) > deadline) {
        let shown = time.strftime("%a, %d %b %Y %H:%M:%S +0000");
        let message = format!("Missed scheduled time to start a job: {shown}");
        return plan.told.push((true, "MissSchedule", message));
    }
    let job = new_job(cron_job, &schedule, time);
    let mut active = plan.status.active.iter().flatten();
    let known = active.any(|it| it.name == job.metadata.name);
    if known || plan.status.last_schedule_time.as_ref().map(|it| it.0) == Some(time) {
        return;
    }
    match spec.concurrency_policy.as_deref() {
        Some("Forbid") if plan.status.active.is_some() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            return plan
                .told
                .push((false, "JobAlreadyActive", message.to_owned()));
        }
        Some("Replace") => plan.replace = plan.status.active.take().unwrap_or_default(),
        _ => {}
    }
    plan.start = Some((job, time));
}

/// Times before this one are not made up for.
fn earliest(cron_job: &CronJob, now: Timestamp) -> Timestamp {
    let last = cron_job
        .status
        .as_ref()
        .and_then(|it| it.last_schedule_time.as_ref());
    let created = cron_job.metadata.creation_timestamp.as_ref();
    let earliest = last.or(created).map_or(now, |it| it.0);
    let deadline = cron_job.spec.starting_deadline_seconds;
    let bound = deadline.and_then(|it| now.checked_sub(SignedDuration::from_secs(it)).ok());
    bound.map_or(earliest, |bound| bound.max(earliest))
}

/// Its name holds the minute, so that the same time never starts two.
fn new_job(cron_job: &CronJob, schedule: &Schedule, time: Timestamp) -> Job {
    let template = &cron_job.spec.job_template;
    let mut job = Job {
        spec: template.spec.clone(),
        ..Job::default()
    };
    if let Some(metadata) = &template.metadata {
        job.metadata.labels.clone_from(&metadata.labels);
        job.metadata.annotations.clone_from(&metadata.annotations);
    }
    let name = cron_job.metadata.name.as_deref().unwrap_or_default();
    job.metadata.name = Some(format!("{name}-{}", time.as_second() / 60));
    job.metadata
        .namespace
        .clone_from(&cron_job.metadata.namespace);
    workloads::set_annotation(&mut job.metadata, SCHEDULED_AT, &schedule.shown(time));
    job.metadata.owner_references = Some(vec![owners::controller_reference(cron_job)]);
    job
}

/// Names of the oldest finished jobs that are too many.
fn beyond_limits(cron_job: &CronJob, jobs: &[Arc<Job>]) -> Vec<String> {
    let spec = &cron_job.spec;
    let limits = [
        ("Complete", spec.successful_jobs_history_limit),
        ("Failed", spec.failed_jobs_history_limit),
    ];
    let mut names = Vec::new();
    for (kind, limit) in limits {
        let Some(limit) = limit.and_then(|it| usize::try_from(it).ok()) else {
            continue;
        };
        let mut ended: Vec<_> = jobs.iter().filter(|job| end(job) == Some(kind)).collect();
        ended.sort_by_key(|job| {
            let start: Option<&Time> = job.status.as_ref().and_then(|it| it.start_time.as_ref());
            (start.is_none(), start.map(|it| it.0), name(job))
        });
        let excess = ended.len().saturating_sub(limit);
        names.extend(ended.iter().take(excess).map(|job| name(job).to_owned()));
    }
    names
}
