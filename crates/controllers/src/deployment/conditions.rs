//! A deployment's status: counts, `Available` and `Progressing` with upstream's reasons and texts. Pure.

use super::plan::{Facts, bounds, desired, replicas};
use jiff::Timestamp;
use k8s_openapi::{
    api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet},
    apimachinery::pkg::apis::meta::v1::Time,
};
use std::{sync::Arc, time::Duration};

/// The default of `progressDeadlineSeconds` that means "never".
const NO_DEADLINE: i32 = i32::MAX;

/// The status that the sets add up to.
pub(super) fn status(facts: &Facts<'_>, newest: Option<&ReplicaSet>) -> DeploymentStatus {
    let deployment = facts.deployment;
    let old = deployment.status.clone().unwrap_or_default();
    let sum = |count: fn(&ReplicaSet) -> i32| facts.sets.iter().map(|set| count(set)).sum::<i32>();
    let replicas_now = sum(actual);
    let available = sum(available);
    let nonzero = |count: i32| Some(count).filter(|count| *count != 0);
    let mut status = DeploymentStatus {
        observed_generation: deployment.metadata.generation,
        replicas: nonzero(replicas_now),
        updated_replicas: nonzero(newest.map_or(0, actual)),
        ready_replicas: nonzero(sum(|set| {
            set.status
                .as_ref()
                .and_then(|status| status.ready_replicas)
                .unwrap_or(0)
        })),
        available_replicas: nonzero(available),
        unavailable_replicas: nonzero((sum(replicas) - available).max(0)),
        terminating_replicas: Some(sum(|set| {
            set.status
                .as_ref()
                .and_then(|status| status.terminating_replicas)
                .unwrap_or(0)
        })),
        collision_count: old.collision_count,
        conditions: old.conditions.clone(),
    };
    let (_, unavailable) = bounds(deployment);
    let enough = available >= desired(deployment) - unavailable;
    let available_condition = if enough {
        (
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        )
    } else {
        (
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    };
    let (state, reason, message) = available_condition;
    set(
        &mut status,
        "Available",
        state,
        reason,
        message,
        facts.now,
        false,
    );
    progressing(&mut status, &old, facts, newest);
    status
}

fn actual(set: &ReplicaSet) -> i32 {
    set.status.as_ref().map_or(0, |status| status.replicas)
}

fn available(set: &ReplicaSet) -> i32 {
    set.status
        .as_ref()
        .and_then(|status| status.available_replicas)
        .unwrap_or(0)
}

/// Whether the newest set has everything and no old pod is left.
pub(super) fn is_complete(
    deployment: &Deployment,
    sets: &[Arc<ReplicaSet>],
    newest: &ReplicaSet,
) -> bool {
    let wanted = desired(deployment);
    let total: i32 = sets.iter().map(|set| actual(set)).sum();
    let all_available: i32 = sets.iter().map(|set| available(set)).sum();
    actual(newest) == wanted && total == wanted && all_available == wanted
}

fn condition<'a>(status: &'a DeploymentStatus, kind: &str) -> Option<&'a DeploymentCondition> {
    status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == kind)
}

fn deadline_seconds(deployment: &Deployment) -> Option<i64> {
    deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.progress_deadline_seconds)
        .filter(|seconds| *seconds != NO_DEADLINE)
        .map(i64::from)
}

fn progressing(
    status: &mut DeploymentStatus,
    old: &DeploymentStatus,
    facts: &Facts<'_>,
    newest: Option<&ReplicaSet>,
) {
    let deployment = facts.deployment;
    if deadline_seconds(deployment).is_none() {
        return;
    }
    let paused = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.paused)
        .unwrap_or(false);
    let current = condition(old, "Progressing");
    let current_reason = current
        .and_then(|condition| condition.reason.as_deref())
        .unwrap_or_default();
    let mut say = |state: &str, reason: &str, message: &str, refresh: bool| {
        set(
            status,
            "Progressing",
            state,
            reason,
            message,
            facts.now,
            refresh,
        );
    };
    if paused {
        if current_reason != "DeploymentPaused" {
            say("Unknown", "DeploymentPaused", "Deployment is paused", true);
        }
        return;
    }
    if current_reason == "DeploymentPaused" {
        say(
            "Unknown",
            "DeploymentResumed",
            "Deployment is resumed",
            true,
        );
        return;
    }
    let Some(newest) = newest else { return };
    let name = newest.metadata.name.as_deref().unwrap_or_default();
    let finished = current_reason == "NewReplicaSetAvailable"
        && old.updated_replicas == status_updated(facts, newest);
    if is_complete(deployment, facts.sets, newest) {
        let message = format!("ReplicaSet {name:?} has successfully progressed.");
        say("True", "NewReplicaSetAvailable", &message, false);
    } else if current.is_none() {
        let message = format!("Created new replica set {name:?}");
        say("True", "NewReplicaSetCreated", &message, true);
    } else if has_progressed(old, facts, newest) {
        let message = format!("ReplicaSet {name:?} is progressing.");
        say("True", "ReplicaSetUpdated", &message, true);
    } else if !finished && is_overdue(deployment, current, facts.now) {
        let message = format!("ReplicaSet {name:?} has timed out progressing.");
        say("False", "ProgressDeadlineExceeded", &message, false);
    }
}

fn status_updated(facts: &Facts<'_>, newest: &ReplicaSet) -> Option<i32> {
    debug_assert!(
        facts
            .sets
            .iter()
            .any(|set| set.metadata.uid == newest.metadata.uid)
    );
    Some(actual(newest)).filter(|count| *count != 0)
}

/// Whether more is updated, ready or available, or less is old, than the stored status says.
fn has_progressed(old: &DeploymentStatus, facts: &Facts<'_>, newest: &ReplicaSet) -> bool {
    let total: i32 = facts.sets.iter().map(|set| actual(set)).sum();
    let ready: i32 = facts
        .sets
        .iter()
        .map(|set| {
            set.status
                .as_ref()
                .and_then(|status| status.ready_replicas)
                .unwrap_or(0)
        })
        .sum();
    let all_available: i32 = facts.sets.iter().map(|set| available(set)).sum();
    let old_updated = old.updated_replicas.unwrap_or(0);
    let old_rest = old.replicas.unwrap_or(0) - old_updated;
    actual(newest) > old_updated
        || total - actual(newest) < old_rest
        || ready > old.ready_replicas.unwrap_or(0)
        || all_available > old.available_replicas.unwrap_or(0)
}

fn is_overdue(
    deployment: &Deployment,
    current: Option<&DeploymentCondition>,
    now: Timestamp,
) -> bool {
    let since = current.and_then(|condition| condition.last_update_time.as_ref());
    match (since, deadline_seconds(deployment)) {
        (Some(since), Some(deadline)) => now.as_second() - since.0.as_second() >= deadline,
        _ => false,
    }
}

/// How long until the progress deadline could pass; nothing when it cannot.
pub(super) fn until_deadline(deployment: &Deployment, now: Timestamp) -> Option<Duration> {
    let deadline = deadline_seconds(deployment)?;
    let current = condition(deployment.status.as_ref()?, "Progressing")?;
    let settled = matches!(
        current.reason.as_deref(),
        Some("NewReplicaSetAvailable" | "ProgressDeadlineExceeded" | "DeploymentPaused")
    );
    let since = current.last_update_time.as_ref()?;
    let left = since.0.as_second() + deadline - now.as_second();
    (!settled).then(|| Duration::from_secs(u64::try_from(left).unwrap_or(0) + 1))
}

/// Sets a condition; its transition time moves with its status, its update time with any change, and with
/// `refresh` always.
fn set(
    status: &mut DeploymentStatus,
    kind: &str,
    state: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
    refresh: bool,
) {
    let now = Some(Time(stdx::clock::whole_seconds(now)));
    let conditions = status.conditions.get_or_insert_default();
    let fresh = DeploymentCondition {
        type_: kind.to_owned(),
        status: state.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_transition_time: now.clone(),
        last_update_time: now,
    };
    match conditions
        .iter_mut()
        .find(|condition| condition.type_ == kind)
    {
        None => conditions.push(fresh),
        Some(found) => {
            let same = found.status == fresh.status && found.reason == fresh.reason;
            if same && !refresh {
                return;
            }
            let since = found
                .last_transition_time
                .take()
                .filter(|_| found.status == fresh.status);
            *found = DeploymentCondition {
                last_transition_time: since.or_else(|| fresh.last_transition_time.clone()),
                ..fresh
            };
        }
    }
}
