//! What a StatefulSet does next: which ordinals to create, which pods to delete, what its status is. Pure.
//! Upstream: `stateful_set_control.go`.

use super::identity::{ordinal, ordinals};
use crate::controller_revisions::hash_of;
use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetStatus},
    core::v1::Pod,
};
use machinery::{
    int_or_string::{self, Round},
    pods::{self, Availability},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// What is known about a set.
pub(super) struct Facts<'a> {
    pub(super) set: &'a StatefulSet,
    pub(super) spec: &'a StatefulSetSpec,
    pub(super) pods: &'a [Arc<Pod>],
    /// Names of the revisions that pods come from and go to.
    pub(super) current: &'a str,
    pub(super) update: &'a str,
    pub(super) collisions: Option<i32>,
    pub(super) now: Timestamp,
}

/// What to do.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// Ordinals to create, and whether of the update revision.
    pub(super) create: Vec<(i32, bool)>,
    pub(super) delete: Vec<Arc<Pod>>,
    pub(super) status: StatefulSetStatus,
    pub(super) look_again: Option<Duration>,
}

impl Facts<'_> {
    fn availability(&self, pod: &Pod) -> Availability {
        if pods::phase(pod) != "Running" {
            return Availability::Unavailable;
        }
        pods::availability(pod, self.spec.min_ready_seconds.unwrap_or(0), self.now)
    }

    fn is_healthy(&self, pod: &Pod) -> bool {
        !pods::is_terminating(pod) && self.availability(pod) == Availability::Available
    }

    fn is_ordered(&self) -> bool {
        self.spec.pod_management_policy.as_deref() != Some("Parallel")
    }

    fn rolls(&self) -> bool {
        let strategy = self.spec.update_strategy.as_ref();
        strategy.and_then(|it| it.type_.as_deref()) != Some("OnDelete")
    }

    /// The lowest ordinal that the update reaches.
    fn partition(&self) -> i32 {
        let rolling = self.spec.update_strategy.as_ref();
        let rolling = rolling.and_then(|it| it.rolling_update.as_ref());
        let start = ordinals(self.spec).start;
        start.saturating_add(rolling.and_then(|it| it.partition).unwrap_or(0))
    }

    /// How many pods may be away during the update.
    fn unavailable(&self) -> usize {
        let rolling = self.spec.update_strategy.as_ref();
        let rolling = rolling.and_then(|it| it.rolling_update.as_ref());
        let most = rolling.and_then(|it| it.max_unavailable.as_ref());
        let replicas = self.spec.replicas.unwrap_or(1);
        let most = most.and_then(|it| int_or_string::scaled(it, replicas, Round::Up).ok());
        usize::try_from(most.unwrap_or(1)).unwrap_or(1).max(1)
    }

    /// Whether a new pod with this ordinal is of the update revision.
    fn is_updated(&self, ordinal: i32) -> bool {
        !self.rolls() || ordinal >= self.partition()
    }
}

/// Decides what to do.
pub(super) fn plan(facts: &Facts<'_>) -> Plan {
    let mut plan = Plan {
        status: status(facts),
        ..Plan::default()
    };
    let waits = facts
        .pods
        .iter()
        .filter_map(|pod| match facts.availability(pod) {
            Availability::After(wait) => Duration::try_from(wait).ok(),
            _ => None,
        });
    plan.look_again = waits.min();
    if facts.set.metadata.deletion_timestamp.is_some() {
        return plan;
    }
    let wanted = ordinals(facts.spec);
    let known = facts
        .pods
        .iter()
        .filter_map(|pod| Some((ordinal(facts.set, pod)?, pod)));
    let (replicas, condemned): (BTreeMap<_, _>, BTreeMap<_, _>) =
        known.partition(|(ordinal, _)| wanted.contains(ordinal));
    let settled =
        fill(facts, &replicas, &mut plan) && empty(facts, &replicas, &condemned, &mut plan);
    if settled && facts.rolls() {
        update(facts, &replicas, &mut plan);
    }
    plan
}

type ByOrdinal<'a> = BTreeMap<i32, &'a Arc<Pod>>;

/// Every ordinal has a pod; in order, each waits for those before it. Whether there is nothing to wait for.
fn fill(facts: &Facts<'_>, replicas: &ByOrdinal<'_>, plan: &mut Plan) -> bool {
    for ordinal in ordinals(facts.spec) {
        let settled = match replicas.get(&ordinal) {
            None => {
                plan.create.push((ordinal, facts.is_updated(ordinal)));
                false
            }
            Some(pod) if pods::is_terminal(pod) => {
                if !pods::is_terminating(pod) {
                    plan.delete.push(Arc::clone(pod));
                }
                false
            }
            Some(pod) => facts.is_healthy(pod),
        };
        if !settled && facts.is_ordered() {
            return false;
        }
    }
    plan.create.is_empty() && plan.delete.is_empty()
}

/// Pods beyond the replicas go, the highest first; in order, one at a time and only while those below are
/// well. Whether there is nothing to wait for.
fn empty(
    facts: &Facts<'_>,
    replicas: &ByOrdinal<'_>,
    condemned: &ByOrdinal<'_>,
    plan: &mut Plan,
) -> bool {
    let mut all = replicas.iter().chain(condemned);
    let first_unhealthy = all
        .find(|(_, pod)| !facts.is_healthy(pod))
        .map(|(it, _)| *it);
    for (ordinal, pod) in condemned.iter().rev() {
        if !facts.is_ordered() {
            if !pods::is_terminating(pod) {
                plan.delete.push(Arc::clone(pod));
            }
            continue;
        }
        let waits = pods::is_terminating(pod)
            || !facts.is_healthy(pod) && first_unhealthy != Some(*ordinal);
        if !waits {
            plan.delete.push(Arc::clone(pod));
        }
        return false;
    }
    true
}

/// Pods of other revisions go, the highest first, as many as may be away at once.
fn update(facts: &Facts<'_>, replicas: &ByOrdinal<'_>, plan: &mut Plan) {
    let mut budget = facts.unavailable();
    for (_, pod) in replicas.range(facts.partition()..).rev() {
        let old = hash_of(&pod.metadata) != facts.update;
        if old && !pods::is_terminating(pod) {
            plan.delete.push(Arc::clone(pod));
        } else if facts.is_healthy(pod) {
            continue;
        }
        budget -= 1;
        if budget == 0 {
            return;
        }
    }
}

fn status(facts: &Facts<'_>) -> StatefulSetStatus {
    let count = |holds: &dyn Fn(&Pod) -> bool| {
        i32::try_from(facts.pods.iter().filter(|pod| holds(pod)).count()).unwrap_or(i32::MAX)
    };
    let at = |pod: &Pod, revision: &str| {
        !pods::is_terminating(pod) && hash_of(&pod.metadata) == revision
    };
    let filled = |count: i32| Some(count).filter(|count| *count > 0);
    let old = facts.set.status.clone().unwrap_or_default();
    let ready = count(&|pod| pods::phase(pod) == "Running" && pods::is_ready(pod));
    let updated = count(&|pod| at(pod, facts.update));
    let mut status = StatefulSetStatus {
        replicas: count(&|_| true),
        ready_replicas: filled(ready),
        available_replicas: Some(count(&|pod| {
            facts.availability(pod) == Availability::Available
        })),
        current_replicas: filled(count(&|pod| at(pod, facts.current))),
        updated_replicas: filled(updated),
        current_revision: Some(facts.current.to_owned()),
        update_revision: Some(facts.update.to_owned()),
        collision_count: Some(facts.collisions.unwrap_or(0)),
        observed_generation: facts.set.metadata.generation,
        conditions: old.conditions,
    };
    let wanted = facts.spec.replicas.unwrap_or(1);
    if facts.rolls() && [status.replicas, ready, updated] == [wanted; 3] {
        status.current_revision.clone_from(&status.update_revision);
        status.current_replicas = status.updated_replicas;
    }
    status
}
