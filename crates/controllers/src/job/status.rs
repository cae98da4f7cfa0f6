//! What a job's pods add up to, and how finished pods pass into its status without being counted twice:
//! a finished pod's UID is written into the status first, then its finalizer goes, then the UID becomes
//! part of a number. Pure.

use super::{FINALIZER, failure_policy, indexes, indexes::Indexes, plan::Verdict};
use crate::finalizers;
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        batch::v1::{Job, JobCondition, JobSpec, JobStatus},
        core::v1::Pod,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use machinery::{conditions, conditions::Condition, pods};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

/// UIDs that a status holds at most; more wait for the next round.
const UNCOUNTED_LIMIT: usize = 500;
/// How often an index had failed when the pod that carries this was made.
pub(super) const INDEX_FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";

/// A job, its pods and what they add up to.
pub(super) struct Tally<'a> {
    pub(super) job: &'a Job,
    pub(super) spec: &'a JobSpec,
    pub(super) pods: &'a [Arc<Pod>],
    pub(super) now: Timestamp,
    /// The stored status with the UIDs of pods that let go of their finalizer turned into numbers.
    pub(super) status: JobStatus,
    pub(super) active: Vec<Arc<Pod>>,
    /// Counted, about to be counted and newly finished.
    pub(super) succeeded: i32,
    pub(super) failed: i32,
    /// Completion mode `Indexed`: which indexes are done, which have failed for good.
    pub(super) indexed: Option<Indexed>,
}

/// The indexes of a job of completion mode `Indexed`.
pub(super) struct Indexed {
    pub(super) completions: i32,
    counted: Indexes,
    pub(super) succeeded: Indexes,
    pub(super) failed: Option<Indexes>,
    /// The last failed pod of an index that is to be tried again: kept until its successor exists,
    /// because it remembers how often the index has failed.
    pub(super) held: BTreeMap<i32, Arc<Pod>>,
}

/// Whether the pod's end has yet to be counted.
pub(super) fn is_tracked(pod: &Pod) -> bool {
    finalizers::has(&pod.metadata, FINALIZER)
}

fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

/// Whether only pods that have failed, and not those that are still going, are replaced.
pub(super) fn replaces_failed_only(spec: &JobSpec) -> bool {
    spec.pod_replacement_policy.as_deref() == Some("Failed") || spec.pod_failure_policy.is_some()
}

fn has_failed(spec: &JobSpec, pod: &Pod) -> bool {
    match pods::phase(pod) {
        "Failed" => true,
        "Succeeded" => false,
        _ => !replaces_failed_only(spec) && pods::is_terminating(pod),
    }
}

impl<'a> Tally<'a> {
    pub(super) fn new(
        job: &'a Job,
        spec: &'a JobSpec,
        pods: &'a [Arc<Pod>],
        now: Timestamp,
    ) -> Self {
        let indexed = spec.completion_mode.as_deref() == Some("Indexed");
        let mut status = job.status.clone().unwrap_or_default();
        settle(&mut status, pods, indexed);
        let mut tally = Self {
            job,
            spec,
            pods,
            now,
            status,
            active: pods
                .iter()
                .filter(|it| pods::is_active(it))
                .cloned()
                .collect(),
            succeeded: 0,
            failed: 0,
            indexed: None,
        };
        tally.count_pods();
        if indexed {
            let indexed = tally.indexes();
            tally.succeeded = indexed.succeeded.total();
            tally.indexed = Some(indexed);
        }
        tally
    }

    fn waits(&self, pod: &Pod) -> (bool, bool) {
        let uncounted = self.status.uncounted_terminated_pods.as_ref();
        let within = |list: Option<&Vec<String>>| {
            list.is_some_and(|list| list.iter().any(|it| it == uid(pod)))
        };
        (
            within(uncounted.and_then(|it| it.succeeded.as_ref())),
            within(uncounted.and_then(|it| it.failed.as_ref())),
        )
    }

    /// Whether the pod's failure counts towards the limits.
    fn counts(&self, pod: &Pod) -> bool {
        failure_policy::first_met(self.job, pod).is_none_or(|met| met.action != "Ignore")
    }

    fn count_pods(&mut self) {
        let uncounted = self.status.uncounted_terminated_pods.clone();
        let (mut succeeded, mut failed) = uncounted.map_or((0, 0), |it| {
            (
                it.succeeded.map_or(0, |it| it.len()),
                it.failed.map_or(0, |it| it.len()),
            )
        });
        for pod in self.pods.iter().filter(|pod| is_tracked(pod)) {
            let (in_succeeded, in_failed) = self.waits(pod);
            if in_succeeded || in_failed {
                continue;
            }
            if pods::phase(pod) == "Succeeded" {
                succeeded += 1;
            } else if has_failed(self.spec, pod) && self.counts(pod) {
                failed += 1;
            }
        }
        let add = |stored: Option<i32>, more: usize| {
            stored
                .unwrap_or(0)
                .saturating_add(i32::try_from(more).unwrap_or(i32::MAX))
        };
        self.succeeded = add(self.status.succeeded, succeeded);
        self.failed = add(self.status.failed, failed);
    }

    fn indexes(&self) -> Indexed {
        let completions = self.spec.completions.unwrap_or(0);
        let text = self.status.completed_indexes.as_deref().unwrap_or_default();
        let counted = Indexes::parse(text, completions);
        let tracked = || self.pods.iter().filter(|pod| is_tracked(pod));
        let mut succeeded = counted.clone();
        let done = tracked().filter(|pod| pods::phase(pod) == "Succeeded");
        succeeded
            .0
            .extend(done.filter_map(|pod| indexes::index(pod, completions)));
        let (mut failed, mut held) = (None, BTreeMap::new());
        if let Some(limit) = self.spec.backoff_limit_per_index {
            let text = self.status.failed_indexes.as_deref().unwrap_or_default();
            let mut lost = Indexes::parse(text, completions);
            let failures = || tracked().filter(|pod| has_failed(self.spec, pod));
            for pod in failures() {
                let Some(index) = indexes::index(pod, completions) else {
                    continue;
                };
                let met = failure_policy::first_met(self.job, pod);
                let gives_up = met.as_ref().is_some_and(|it| it.action == "FailIndex");
                if gives_up || (self.counts(pod) && index_failures(pod) >= limit) {
                    lost.0.insert(index);
                }
            }
            lost.0.retain(|index| !succeeded.0.contains(index));
            let running = self.active.iter();
            let running: BTreeSet<i32> = running
                .filter_map(|pod| indexes::index(pod, completions))
                .collect();
            for pod in failures() {
                let Some(index) = indexes::index(pod, completions) else {
                    continue;
                };
                let settled = lost.0.contains(&index) || succeeded.0.contains(&index);
                let newer = held.get(&index).is_none_or(|other: &Arc<Pod>| {
                    (index_failures(pod), finished_at(pod))
                        > (index_failures(other), finished_at(other))
                });
                if !settled && !running.contains(&index) && newer {
                    held.insert(index, Arc::clone(pod));
                }
            }
            failed = Some(lost);
        }
        Indexed {
            completions,
            counted,
            succeeded,
            failed,
            held,
        }
    }

    /// Whether the pod's failures so far include its own: what its successor carries.
    pub(super) fn failures_after(&self, pod: &Pod) -> i32 {
        index_failures(pod) + i32::from(self.counts(pod))
    }

    /// Writes down newly finished pods; returns those that may let go of their finalizer once the
    /// status is stored.
    pub(super) fn account(
        &self,
        verdict: Option<&Verdict>,
        status: &mut JobStatus,
    ) -> Vec<Arc<Pod>> {
        let mut uncounted = status.uncounted_terminated_pods.take().unwrap_or_default();
        let lists = (
            uncounted.succeeded.get_or_insert_default(),
            uncounted.failed.get_or_insert_default(),
        );
        let mut counted = self.indexed.as_ref().map(|it| it.counted.clone());
        let mut free = Vec::new();
        for pod in self.pods.iter().filter(|pod| is_tracked(pod)) {
            let succeeded = pods::phase(pod) == "Succeeded";
            let failed = has_failed(self.spec, pod);
            let index = self
                .indexed
                .as_ref()
                .and_then(|it| indexes::index(pod, it.completions));
            let held = index
                .zip(self.indexed.as_ref())
                .and_then(|(index, indexed)| indexed.held.get(&index))
                .is_some_and(|it| uid(it) == uid(pod));
            let over =
                self.job.metadata.deletion_timestamp.is_some() || verdict.is_some() || succeeded;
            if !over && (!failed || held) {
                continue;
            }
            if lists.0.len() + lists.1.len() >= UNCOUNTED_LIMIT {
                break;
            }
            let id = uid(pod).to_owned();
            let lost = failed || verdict.is_some_and(|it| !it.success);
            if succeeded && !lists.1.contains(&id) {
                match (&mut counted, index) {
                    // The index itself keeps a completion from being counted twice.
                    (Some(counted), Some(index)) => {
                        counted.0.insert(index);
                    }
                    (Some(_), None) => {}
                    (None, _) if lists.0.contains(&id) => {}
                    (None, _) => lists.0.push(id),
                }
            } else if lost
                && !lists.1.contains(&id)
                && self.counts(pod)
                && (self.indexed.is_none() || index.is_some())
            {
                lists.1.push(id);
            }
            free.push(Arc::clone(pod));
        }
        if let (Some(counted), Some(indexed)) = (counted, &self.indexed) {
            let filled = |set: &Indexes| Some(set.to_string()).filter(|text| !text.is_empty());
            status.succeeded = Some(counted.total()).filter(|it| *it > 0);
            status.completed_indexes = filled(&counted);
            status.failed_indexes = indexed.failed.as_ref().map(ToString::to_string);
        }
        uncounted.succeeded = uncounted.succeeded.filter(|list| !list.is_empty());
        uncounted.failed = uncounted.failed.filter(|list| !list.is_empty());
        status.uncounted_terminated_pods = Some(uncounted);
        free
    }
}

/// Turns UIDs whose pods are gone, or have let go of their finalizer, into numbers.
fn settle(status: &mut JobStatus, pods: &[Arc<Pod>], indexed: bool) {
    let uncounted = status.uncounted_terminated_pods.get_or_insert_default();
    let tracked = pods.iter().filter(|pod| is_tracked(pod));
    let tracked: HashSet<&str> = tracked.map(|pod| uid(pod)).collect();
    let settle = |list: &mut Option<Vec<String>>| {
        let Some(uids) = list else { return 0 };
        let before = uids.len();
        uids.retain(|id| tracked.contains(id.as_str()));
        let settled = before - uids.len();
        *list = list.take().filter(|uids| !uids.is_empty());
        i32::try_from(settled).unwrap_or(i32::MAX)
    };
    let (succeeded, failed) = (
        settle(&mut uncounted.succeeded),
        settle(&mut uncounted.failed),
    );
    let add = |number: &mut Option<i32>, more: i32| {
        if more > 0 {
            *number = Some(number.unwrap_or(0).saturating_add(more));
        }
    };
    if !indexed {
        add(&mut status.succeeded, succeeded);
    }
    add(&mut status.failed, failed);
}

/// Adds what a verdict means for the conditions: the interim one at once, the final one when no pod is
/// left and every one is counted. Returns the final condition when it was added.
pub(super) fn conclude(
    status: &mut JobStatus,
    verdict: &Verdict,
    now: Timestamp,
) -> Option<JobCondition> {
    let (interim, last) = match verdict.success {
        true => ("SuccessCriteriaMet", "Complete"),
        false => ("FailureTarget", "Failed"),
    };
    let mut add = |kind: &str| {
        let mut condition =
            JobCondition::make(kind, conditions::TRUE, &verdict.reason, &verdict.message);
        condition.last_probe_time = Some(Time(stdx::clock::whole_seconds(now)));
        conditions::set(&mut status.conditions, condition.clone(), now);
        condition
    };
    add(interim);
    let uncounted = status.uncounted_terminated_pods.as_ref();
    let waits = uncounted.is_some_and(|it| it.succeeded.is_some() || it.failed.is_some());
    if waits || status.active.unwrap_or(0) > 0 || status.terminating.unwrap_or(0) > 0 {
        return None;
    }
    let condition = add(last);
    if verdict.success {
        status.completion_time = Some(Time(stdx::clock::whole_seconds(now)));
    }
    Some(condition)
}

/// How often the pod's index had failed before it.
pub(super) fn index_failures(pod: &Pod) -> i32 {
    machinery::workloads::annotation(&pod.metadata, INDEX_FAILURES)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// When the last container of a finished pod ended.
pub(super) fn finished_at(pod: &Pod) -> Option<Timestamp> {
    let containers = pod
        .status
        .iter()
        .flat_map(|status| status.container_statuses.iter().flatten());
    containers
        .filter_map(|it| {
            Some(
                it.state
                    .as_ref()?
                    .terminated
                    .as_ref()?
                    .finished_at
                    .as_ref()?
                    .0,
            )
        })
        .max()
        .or_else(|| pod.metadata.deletion_timestamp.as_ref().map(|time| time.0))
        .or_else(|| pods::condition(pod, "Ready").and_then(Condition::changed_at))
}
