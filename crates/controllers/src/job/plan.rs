//! What to do for a job: which pods to create and delete, what its status becomes, whether it is over.
//! Pure.

use super::{
    failure_policy, indexes,
    indexes::Indexes,
    status::{self, Tally, is_tracked},
};
use crate::{finalizers, owned_pods};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::{
        batch::v1::{Job, JobCondition, JobSpec, JobStatus},
        core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, Pod},
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use machinery::{conditions, conditions::Condition, pods, workloads};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// The first wait before a failed pod is replaced; each further failure doubles it.
const BACKOFF: SignedDuration = SignedDuration::from_secs(10);
/// The longest such wait.
const BACKOFF_CEILING: SignedDuration = SignedDuration::from_secs(600);

/// Why a job is over.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    pub(super) success: bool,
    pub(super) reason: String,
    pub(super) message: String,
}

/// What to do for a job.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) create: Vec<Pod>,
    pub(super) delete: Vec<Arc<Pod>>,
    /// The status after that.
    pub(super) status: JobStatus,
    /// Pods whose finalizer goes once the status is stored.
    pub(super) free: Vec<Arc<Pod>>,
    /// `Suspended` or `Resumed`, when that has just happened.
    pub(super) turned: Option<&'static str>,
    /// The final condition, when the job has just ended.
    pub(super) ended: Option<JobCondition>,
    pub(super) look_again: Option<Duration>,
}

/// Decides about a job that is not finished.
pub(super) fn plan(job: &Job, spec: &JobSpec, pods: &[Arc<Pod>], now: Timestamp) -> Plan {
    let tally = Tally::new(job, spec, pods, now);
    let suspended = spec.suspend == Some(true);
    let mut plan = Plan {
        status: tally.status.clone(),
        ..Plan::default()
    };
    if !suspended && plan.status.start_time.is_none() {
        plan.status.start_time = Some(Time(stdx::clock::whole_seconds(now)));
    }
    let mut verdict = verdict(&tally);
    if verdict.is_some() {
        plan.delete = tally.active.clone();
    } else {
        if job.metadata.deletion_timestamp.is_none() {
            scale(&tally, &mut plan);
        }
        verdict = completion(&tally, &plan);
        if verdict.is_none() && job.metadata.deletion_timestamp.is_none() {
            suspend_or_resume(suspended, &mut plan, now);
        }
        plan.look_again = [plan.look_again, until_deadline(&tally)]
            .into_iter()
            .flatten()
            .min();
    }
    count(&tally, &mut plan);
    plan.free = tally.account(verdict.as_ref(), &mut plan.status);
    if let Some(verdict) = verdict {
        plan.ended = status::conclude(&mut plan.status, &verdict, now);
    }
    plan
}

fn count(tally: &Tally<'_>, plan: &mut Plan) {
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let going = tally
        .pods
        .iter()
        .filter(|pod| pods::is_terminating(pod) && !pods::is_terminal(pod));
    let ready = |pods: &[Arc<Pod>]| pods.iter().filter(|pod| pods::is_ready(pod)).count();
    let status = &mut plan.status;
    // What is deleted is among what is active.
    let active = tally.active.len() - plan.delete.len() + plan.create.len();
    status.ready = Some(number(ready(&tally.active) - ready(&plan.delete)));
    status.active = Some(number(active)).filter(|count| *count > 0);
    status.terminating = Some(number(going.count() + plan.delete.len()));
}

/// Whether the job is over, all but for reaching its completions.
fn verdict(tally: &Tally<'_>) -> Option<Verdict> {
    let lost = |reason: &str, message: &str| {
        Some(Verdict {
            success: false,
            reason: reason.to_owned(),
            message: message.to_owned(),
        })
    };
    for (kind, success) in [("SuccessCriteriaMet", true), ("FailureTarget", false)] {
        let found = conditions::get(tally.status.conditions.as_ref(), kind);
        if let Some(found) = found.filter(|it| it.status == conditions::TRUE) {
            let (reason, message) = (found.reason().to_owned(), found.message().to_owned());
            return Some(Verdict {
                success,
                reason,
                message,
            });
        }
    }
    let tracked = tally.pods.iter().filter(|pod| is_tracked(pod));
    let mut met = tracked.filter_map(|pod| failure_policy::first_met(tally.job, pod));
    if let Some(met) = met.find(|met| met.action == "FailJob") {
        return lost("PodFailurePolicy", &met.message);
    }
    let limit = tally.spec.backoff_limit.unwrap_or(6);
    if tally.failed > limit || restarts_exceed(tally, limit) {
        return lost(
            "BackoffLimitExceeded",
            "Job has reached the specified backoff limit",
        );
    }
    if until_deadline(tally).is_some_and(|left| left.is_zero()) {
        return lost(
            "DeadlineExceeded",
            "Job was active longer than specified deadline",
        );
    }
    let indexed = tally.indexed.as_ref()?;
    if let Some(failed) = indexed.failed.as_ref().map(Indexes::total) {
        if tally
            .spec
            .max_failed_indexes
            .is_some_and(|most| failed > most)
        {
            return lost(
                "MaxFailedIndexesExceeded",
                "Job has exceeded the specified maximal number of failed indexes",
            );
        }
        if failed > 0 && failed + indexed.succeeded.total() >= indexed.completions {
            return lost("FailedIndexes", "Job has failed indexes");
        }
    }
    success_policy(tally)
}

fn success_policy(tally: &Tally<'_>) -> Option<Verdict> {
    let indexed = tally.indexed.as_ref()?;
    let rules = &tally.spec.success_policy.as_ref()?.rules;
    let met = rules.iter().position(|rule| {
        let wanted = match &rule.succeeded_indexes {
            Some(text) => Indexes::parse(text, indexed.completions).0,
            None => (0..indexed.completions).collect(),
        };
        let done = wanted.intersection(&indexed.succeeded.0).count();
        let needed = rule
            .succeeded_count
            .map(|count| usize::try_from(count).unwrap_or(0));
        done >= needed.unwrap_or(wanted.len())
    })?;
    Some(Verdict {
        success: true,
        reason: "SuccessPolicy".to_owned(),
        message: format!("Matched rules at index {met}"),
    })
}

/// With restart policy `OnFailure` the restarts of containers count towards the limit.
fn restarts_exceed(tally: &Tally<'_>, limit: i32) -> bool {
    let pod = tally.spec.template.spec.as_ref();
    if pod.and_then(|it| it.restart_policy.as_deref()) != Some("OnFailure") {
        return false;
    }
    let running = tally
        .pods
        .iter()
        .filter(|pod| matches!(pods::phase(pod), "Running" | "Pending"));
    let restarts: i32 = running
        .filter_map(|pod| pod.status.as_ref())
        .flat_map(|it| {
            let init = it.init_container_statuses.iter().flatten();
            init.chain(it.container_statuses.iter().flatten())
        })
        .map(|it| it.restart_count)
        .sum();
    if limit == 0 {
        restarts > 0
    } else {
        restarts >= limit
    }
}

/// How long the job may go on; zero when its deadline has passed.
fn until_deadline(tally: &Tally<'_>) -> Option<Duration> {
    let limit = tally.spec.active_deadline_seconds?;
    if tally.spec.suspend == Some(true) {
        return None;
    }
    let start = tally
        .status
        .start_time
        .as_ref()
        .map_or(tally.now, |it| it.0);
    let left = SignedDuration::from_secs(limit) - tally.now.duration_since(start);
    Some(Duration::try_from(left).unwrap_or(Duration::ZERO))
}

/// Whether enough pods have succeeded and none is left.
fn completion(tally: &Tally<'_>, plan: &Plan) -> Option<Verdict> {
    let left = tally.active.len() + plan.create.len() > plan.delete.len();
    let done = match tally.spec.completions {
        None => tally.succeeded > 0,
        Some(wanted) => tally.succeeded >= wanted,
    };
    (done && !left).then(|| Verdict {
        success: true,
        reason: "CompletionsReached".to_owned(),
        message: "Reached expected number of succeeded pods".to_owned(),
    })
}

fn suspend_or_resume(suspended: bool, plan: &mut Plan, now: Timestamp) {
    let status = &mut plan.status;
    let was = conditions::is_true(status.conditions.as_ref(), "Suspended");
    if suspended == was {
        return;
    }
    let (value, reason, message, event) = match suspended {
        true => (
            conditions::TRUE,
            "JobSuspended",
            "Job suspended",
            "Suspended",
        ),
        false => (conditions::FALSE, "JobResumed", "Job resumed", "Resumed"),
    };
    let mut condition = JobCondition::make("Suspended", value, reason, message);
    condition.last_probe_time = Some(Time(stdx::clock::whole_seconds(now)));
    conditions::set(&mut status.conditions, condition, now);
    if !suspended {
        status.start_time = Some(Time(stdx::clock::whole_seconds(now)));
    }
    plan.turned = Some(event);
}

/// Fills in pods to create or to delete, never both: deletions may free indexes that creations need.
fn scale(tally: &Tally<'_>, plan: &mut Plan) {
    let spec = tally.spec;
    let active = i32::try_from(tally.active.len()).unwrap_or(i32::MAX);
    let parallelism = spec.parallelism.unwrap_or(1);
    let wanted = match spec.completions {
        _ if spec.suspend == Some(true) => 0,
        None if tally.succeeded > 0 => active,
        None => parallelism,
        Some(completions) => (completions - tally.succeeded).clamp(0, parallelism.max(0)),
    };
    let excess = usize::try_from(active - wanted).unwrap_or(0);
    plan.delete = surplus(tally, excess);
    plan.delete.truncate(owned_pods::BURST);
    if !plan.delete.is_empty() {
        return;
    }
    let going = if status::replaces_failed_only(spec) {
        let going = |pod: &&Arc<Pod>| pods::is_terminating(pod) && !pods::is_terminal(pod);
        i32::try_from(tally.pods.iter().filter(going).count()).unwrap_or(0)
    } else {
        0
    };
    let missing = usize::try_from(wanted - going - active).unwrap_or(0);
    if missing == 0 {
        return;
    }
    if spec.backoff_limit_per_index.is_none() {
        plan.look_again = until_replaced(tally);
        if plan.look_again.is_some() {
            return;
        }
    }
    create(tally, missing.min(owned_pods::BURST), plan);
}

fn create(tally: &Tally<'_>, count: usize, plan: &mut Plan) {
    let Some(indexed) = &tally.indexed else {
        plan.create = vec![new_pod(tally, None, 0); count];
        return;
    };
    let taken: BTreeSet<i32> = tally
        .pods
        .iter()
        .filter(|pod| {
            pods::is_active(pod)
                || status::replaces_failed_only(tally.spec) && !pods::is_terminal(pod)
        })
        .filter_map(|pod| indexes::index(pod, indexed.completions))
        .collect();
    let free = (0..indexed.completions).filter(|index| {
        let failed = indexed
            .failed
            .as_ref()
            .is_some_and(|it| it.0.contains(index));
        !failed && !taken.contains(index) && !indexed.succeeded.0.contains(index)
    });
    for index in free.take(count) {
        let before = indexed.held.get(&index);
        let failures = before.map_or(0, |pod| tally.failures_after(pod));
        let wait = before.and_then(|pod| {
            let since = status::finished_at(pod)?;
            remaining(failures, since, tally.now)
        });
        match wait {
            Some(wait) => {
                plan.look_again = Some(plan.look_again.map_or(wait, |other| other.min(wait)));
            }
            None => plan.create.push(new_pod(tally, Some(index), failures)),
        }
    }
}

/// How long to wait before the next pod, after the failures since the last success.
fn until_replaced(tally: &Tally<'_>) -> Option<Duration> {
    let ended = |phase: &'static str| {
        tally
            .pods
            .iter()
            .filter(move |pod| pods::phase(pod) == phase)
            .filter_map(|pod| status::finished_at(pod))
    };
    let success = ended("Succeeded").max();
    let failures: Vec<_> = ended("Failed")
        .filter(|at| success.is_none_or(|success| *at > success))
        .collect();
    let count = i32::try_from(failures.len()).unwrap_or(i32::MAX);
    remaining(count, failures.into_iter().max()?, tally.now)
}

fn remaining(failures: i32, last: Timestamp, now: Timestamp) -> Option<Duration> {
    let doublings = u32::try_from(failures - 1).ok()?.min(6);
    let wait = (BACKOFF * 2_i32.pow(doublings)).min(BACKOFF_CEILING);
    let left = wait - now.duration_since(last);
    Duration::try_from(left).ok().filter(|left| !left.is_zero())
}

/// Active pods that are too many: without an index of their own first, then those missed least.
fn surplus(tally: &Tally<'_>, at_least: usize) -> Vec<Arc<Pod>> {
    let mut ranked = tally.active.clone();
    ranked.sort_by_cached_key(|pod| {
        let bound = pod.spec.as_ref().is_some_and(|it| it.node_name.is_some());
        let running = pods::phase(pod) == "Running";
        let created = pod.metadata.creation_timestamp.as_ref().map(|it| it.0);
        (
            bound,
            running,
            pods::is_ready(pod),
            std::cmp::Reverse(created),
        )
    });
    let mut doomed = Vec::new();
    if let Some(indexed) = &tally.indexed {
        let mut seen = BTreeSet::new();
        // The pods missed most claim their index first.
        ranked.reverse();
        let (own, other): (Vec<_>, Vec<_>) = ranked.into_iter().partition(|pod| {
            indexes::index(pod, indexed.completions).is_some_and(|index| {
                let over = indexed.succeeded.0.contains(&index)
                    || indexed
                        .failed
                        .as_ref()
                        .is_some_and(|it| it.0.contains(&index));
                !over && seen.insert(index)
            })
        });
        doomed = other;
        ranked = own;
        ranked.reverse();
    }
    let more = at_least.saturating_sub(doomed.len());
    doomed.extend(ranked.into_iter().take(more));
    doomed
}

fn new_pod(tally: &Tally<'_>, index: Option<i32>, failures: i32) -> Pod {
    let mut pod = owned_pods::from_template(tally.job, &tally.spec.template);
    finalizers::add(&mut pod.metadata, super::FINALIZER);
    let Some(index) = index else { return pod };
    let name = tally.job.metadata.name.as_deref().unwrap_or_default();
    pod.metadata.generate_name = Some(format!("{name}-{index}-"));
    workloads::set_annotation(&mut pod.metadata, indexes::INDEX, &index.to_string());
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(indexes::INDEX.to_owned(), index.to_string());
    if tally.spec.backoff_limit_per_index.is_some() {
        let failures = failures.to_string();
        workloads::set_annotation(&mut pod.metadata, status::INDEX_FAILURES, &failures);
    }
    if let Some(spec) = &mut pod.spec {
        spec.hostname = Some(format!("{name}-{index}"));
        let init = spec.init_containers.iter_mut().flatten();
        for container in init.chain(&mut spec.containers) {
            let env = container.env.get_or_insert_default();
            if !env.iter().any(|it| it.name == "JOB_COMPLETION_INDEX") {
                env.push(index_variable());
            }
        }
    }
    pod
}

fn index_variable() -> EnvVar {
    EnvVar {
        name: "JOB_COMPLETION_INDEX".to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: None,
                field_path: format!("metadata.labels['{}']", indexes::INDEX),
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}
