//! The status that a ReplicaSet's pods add up to. Pure.

use super::plan;
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus},
        core::v1::Pod,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use machinery::{
    labels::Selector,
    pods::{self, is_active},
};
use std::{sync::Arc, time::Duration};

fn min_ready_seconds(set: &ReplicaSet) -> i64 {
    i64::from(
        set.spec
            .as_ref()
            .and_then(|spec| spec.min_ready_seconds)
            .unwrap_or(0),
    )
}

/// How long until the pod has been ready for long enough; zero when it has, nothing when it is not ready.
fn until_available(pod: &Pod, min_ready_seconds: i64, now: Timestamp) -> Option<Duration> {
    if !pods::is_ready(pod) {
        return None;
    }
    if min_ready_seconds == 0 {
        return Some(Duration::ZERO);
    }
    let ready_for = now.duration_since(pods::ready_since(pod)?);
    let wait = jiff::SignedDuration::from_secs(min_ready_seconds) - ready_for;
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

/// When the next ready pod becomes available, if one has yet to.
pub(super) fn next_availability(
    set: &ReplicaSet,
    owned: &[Arc<Pod>],
    now: Timestamp,
) -> Option<Duration> {
    owned
        .iter()
        .filter(|pod| is_active(pod))
        .filter_map(|pod| until_available(pod, min_ready_seconds(set), now))
        .filter(|wait| !wait.is_zero())
        .min()
}

/// The status.
pub(super) fn of(
    set: &ReplicaSet,
    owned: &[Arc<Pod>],
    failure: Option<String>,
    now: Timestamp,
) -> ReplicaSetStatus {
    let old = set.status.clone().unwrap_or_default();
    let template_labels = set
        .spec
        .as_ref()
        .and_then(|spec| spec.template.as_ref()?.metadata.as_ref()?.labels.clone())
        .unwrap_or_default();
    let template = Selector::from_map(&template_labels);
    let active: Vec<_> = owned.iter().filter(|pod| is_active(pod)).collect();
    let count = |holds: &dyn Fn(&Pod) -> bool| {
        i32::try_from(active.iter().filter(|pod| holds(pod)).count()).unwrap_or(i32::MAX)
    };
    let nonzero = |count: i32| Some(count).filter(|count| *count != 0);
    let terminating = owned
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_some() && !pods::is_terminal(pod))
        .count();
    ReplicaSetStatus {
        replicas: count(&|_| true),
        fully_labeled_replicas: nonzero(count(&|pod| {
            template.matches(pod.metadata.labels.as_ref())
        })),
        ready_replicas: nonzero(count(&pods::is_ready)),
        available_replicas: nonzero(count(&|pod| {
            until_available(pod, min_ready_seconds(set), now).is_some_and(|wait| wait.is_zero())
        })),
        terminating_replicas: Some(i32::try_from(terminating).unwrap_or(i32::MAX)),
        observed_generation: set.metadata.generation,
        conditions: conditions(set, &old, owned, failure, now),
    }
}

/// `ReplicaFailure` while pods cannot be created or deleted.
fn conditions(
    set: &ReplicaSet,
    old: &ReplicaSetStatus,
    owned: &[Arc<Pod>],
    failure: Option<String>,
    now: Timestamp,
) -> Option<Vec<ReplicaSetCondition>> {
    let found = old
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "ReplicaFailure");
    let mut conditions: Vec<_> = old
        .conditions
        .iter()
        .flatten()
        .filter(|condition| condition.type_ != "ReplicaFailure")
        .cloned()
        .collect();
    if let Some(message) = failure {
        let active = owned.iter().filter(|pod| is_active(pod)).count();
        let reason = if active < plan::wanted(set) {
            "FailedCreate"
        } else {
            "FailedDelete"
        };
        conditions.push(match found {
            Some(same) if same.reason.as_deref() == Some(reason) => same.clone(),
            _ => ReplicaSetCondition {
                type_: "ReplicaFailure".to_owned(),
                status: "True".to_owned(),
                reason: Some(reason.to_owned()),
                message: Some(message),
                last_transition_time: Some(Time(stdx::clock::whole_seconds(now))),
            },
        });
    }
    Some(conditions).filter(|conditions| !conditions.is_empty())
}
