//! Changes of CPU and memory of a pod that runs: whether this node has room for them, and how a container gets them
//! (upstream: `allocation_manager.go`, `canResizePod`; `computePodResizeAction`). Pure.

use super::{Role, containers};
use crate::container::resources;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod, PodCondition, ResourceRequirements};
use machinery::{
    conditions::{self, Condition as _},
    pods,
    quantity::{Amounts, amounts},
};
use runtime::container::{Container as Running, Resources};
use std::sync::Arc;

/// What may be resized, with the unit of upstream's messages.
const RESIZABLE: [&str; 2] = ["cpu", "memory"];
/// How long a resize waits for room before it is looked at again.
const DEFERRED: SignedDuration = SignedDuration::from_secs(30);

/// Why a resize is not made, or not made yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// `Infeasible` or `Deferred`.
    pub reason: &'static str,
    /// Upstream's words.
    pub message: String,
}

impl Pending {
    /// When to look again.
    pub(super) fn wake(&self, now: Timestamp) -> Option<Timestamp> {
        let later = || now.checked_add(DEFERRED).unwrap_or(Timestamp::MAX);
        (self.reason == "Deferred").then(later)
    }
}

/// The pod with what it may use: as it asks, or as it runs while there is no room for what it asks. `others` are the
/// pods beside it on this node.
pub(super) fn admit(
    pod: Arc<Pod>,
    others: impl FnOnce() -> Vec<Arc<Pod>>,
    allocatable: &Amounts,
) -> (Arc<Pod>, Option<Pending>) {
    let Some(allocated) = allocated(&pod) else {
        return (pod, None);
    };
    match pending(&pod, others, allocatable) {
        None => (pod, None),
        pending => (Arc::new(allocated), pending),
    }
}

/// The pod with the resources that its containers have, if those differ from what it asks for.
fn allocated(pod: &Pod) -> Option<Pod> {
    let held = |container: &Container| {
        let status = pods::container_status(pod, &container.name)?;
        let held = status.resources.as_ref()?;
        (!same(Some(held), container.resources.as_ref())).then(|| held.clone())
    };
    let spec = pod.spec.as_ref()?;
    let init = spec.init_containers.iter().flatten();
    if !init.chain(&spec.containers).any(|it| held(it).is_some()) {
        return None;
    }
    let mut spec = spec.clone();
    let init = spec.init_containers.iter_mut().flatten();
    for container in init.chain(&mut spec.containers) {
        if let Some(held) = held(container) {
            container.resources = Some(held);
        }
    }
    Some(Pod {
        spec: Some(spec),
        ..pod.clone()
    })
}

fn same(a: Option<&ResourceRequirements>, b: Option<&ResourceRequirements>) -> bool {
    let of = |it: Option<&ResourceRequirements>| {
        let requests = amounts(it.and_then(|it| it.requests.as_ref()));
        (requests, amounts(it.and_then(|it| it.limits.as_ref())))
    };
    of(a) == of(b)
}

fn pending(
    pod: &Pod,
    others: impl FnOnce() -> Vec<Arc<Pod>>,
    allocatable: &Amounts,
) -> Option<Pending> {
    let number = |name: &str, amounts: &Amounts| {
        let amount = amounts.get(name);
        amount.map_or(0, |it| match name {
            "cpu" => it.milli_value(),
            _ => it.value(),
        })
    };
    let requested = pods::requests(pod);
    let numbers = RESIZABLE.map(|name| (name, number(name, &requested), number(name, allocatable)));
    // Upstream speaks of memory first.
    let too_much = numbers.iter().rev().find(|it| it.1 > it.2);
    if let Some((name, requested, capacity)) = too_much {
        return Some(Pending {
            reason: "Infeasible",
            message: format!(
                "Node didn't have enough capacity: {name}, requested: {requested}, capacity: {capacity}"
            ),
        });
    }
    let others: Vec<Amounts> = others()
        .iter()
        .filter(|it| pods::is_active(it))
        .map(|it| pods::requests(allocated(it).as_ref().unwrap_or(it)))
        .collect();
    numbers.iter().find_map(|(name, requested, capacity)| {
        let used: i64 = others.iter().map(|it| number(name, it)).sum();
        (used.saturating_add(*requested) > *capacity).then(|| Pending {
            reason: "Deferred",
            message: format!(
                "Node didn't have enough resource: {name}, requested: {requested}, used: {used}, capacity: {capacity}"
            ),
        })
    })
}

/// What a running container gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Other limits.
    Limits(Resources),
    /// Another run, as its policy wants it.
    Restart,
}

/// What must change of a running container; nothing if it has what it may use.
pub(super) fn change(role: Role, container: &Container, current: &Running) -> Option<Change> {
    let resizable = matches!(role, Role::Main | Role::Sidecar);
    let wanted = resources::of_container(container);
    let held = &current.config.resources;
    let differs = |name: &str| match name {
        "cpu" => {
            let shares = wanted.cpu_shares.is_some() && wanted.cpu_shares != held.cpu_shares;
            shares || (wanted.cpu_quota.is_some() && wanted.cpu_quota != held.cpu_quota)
        }
        _ => {
            wanted.memory_limit_bytes.is_some()
                && wanted.memory_limit_bytes != held.memory_limit_bytes
        }
    };
    let changed: Vec<&str> = RESIZABLE.into_iter().filter(|it| differs(it)).collect();
    if !resizable || changed.is_empty() {
        return None;
    }
    let restarts = container.resize_policy.iter().flatten().any(|it| {
        it.restart_policy == "RestartContainer" && changed.contains(&it.resource_name.as_str())
    });
    Some(if restarts {
        Change::Restart
    } else {
        Change::Limits(wanted)
    })
}

/// Whether some running container does not have yet what it may use.
fn in_progress(pod: &Pod, facts: &super::observe::Facts) -> bool {
    containers(pod).iter().any(|(role, container)| {
        let current = facts.container(&container.name).current();
        current.is_some_and(|it| it.state.is_running() && change(*role, container, it).is_some())
    })
}

/// `PodResizePending` and `PodResizeInProgress`, which are there only while they hold.
pub(super) fn set_conditions(
    pod: &Pod,
    facts: &super::observe::Facts,
    conditions: &mut Option<Vec<PodCondition>>,
) {
    let pending = facts.resize_pending.as_ref();
    let pending = pending.map(|it| (it.reason, it.message.as_str()));
    let error = facts.resize_error.as_deref();
    let progress = error.map_or(("", ""), |error| ("Error", error));
    let progress = in_progress(pod, facts).then_some(progress);
    for (kind, now) in [
        ("PodResizePending", pending),
        ("PodResizeInProgress", progress),
    ] {
        match now {
            Some((reason, message)) => {
                let mut it = PodCondition::make(kind, "True", reason, message);
                it.observed_generation = pod.metadata.generation;
                conditions::set(conditions, it, facts.now);
            }
            None => {
                conditions::remove(conditions, kind);
            }
        }
    }
}

#[cfg(test)]
mod tests;
