//! Which pods must leave, and from where, so that a more important one fits. Pure: the snapshot in, a plan or
//! a refusal out. Upstream: the plugin DefaultPreemption.

use crate::{
    cycle,
    diagnosis::Diagnosis,
    plugins::Verdict,
    pod::PodInfo,
    snapshot::{NodeInfo, Snapshot},
};
use k8s_openapi::{
    api::{core::v1::Pod, policy::v1::PodDisruptionBudget},
    apimachinery::pkg::apis::meta::v1::Time,
};
use machinery::{labels, pods};
use std::{
    cmp::{Ordering, Reverse},
    sync::Arc,
};
use stdx::random::Random;

/// The reason of the condition that victims get.
pub(crate) const REASON: &str = "PreemptionByScheduler";

/// Candidates looked for before the best is taken: a tenth of the nodes, but no fewer than this, as upstream's
/// defaults.
const CANDIDATES: usize = 100;

/// What preemption can do for a pod.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Room can be made.
    Room(Room),
    /// It cannot.
    Refused {
        /// Upstream's words.
        why: String,
        /// Whether a room that was kept before is of no use.
        withdraws: bool,
    },
}

/// Where room is made, and by whose leaving.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) node: String,
    /// Most important first.
    pub(crate) victims: Vec<PodInfo>,
    violations: usize,
}

/// Plans how to make room for a pod that fits nowhere, for what `diagnosis` says.
pub(crate) fn plan(
    pod: &PodInfo,
    diagnosis: &Diagnosis,
    snapshot: &mut Snapshot,
    budgets: &[Arc<PodDisruptionBudget>],
    random: &Random,
) -> Outcome {
    if let Some(why) = ineligible(pod, diagnosis, snapshot) {
        return Outcome::Refused {
            why: why.to_owned(),
            withdraws: false,
        };
    }
    let nodes = &diagnosis.crowded;
    let enough = (diagnosis.nodes() / 10).max(CANDIDATES);
    let offset = usize::try_from(random.below(nodes.len().max(1) as u64)).unwrap_or(0);
    let (mut rooms, mut refused) = (Vec::<Room>::new(), Diagnosis::default());
    for node in nodes.iter().cycle().skip(offset).take(nodes.len()) {
        match room_on(node, pod, snapshot, budgets) {
            Ok(room) => rooms.push(room),
            Err((plugin, verdict)) => refused.refuse(node, plugin, verdict),
        }
        if rooms.len() >= enough && rooms.iter().any(|room| room.violations == 0) {
            break;
        }
    }
    if let Some(best) = rooms.into_iter().min_by(compare) {
        return Outcome::Room(best);
    }
    let rest = diagnosis.nodes().saturating_sub(nodes.len());
    refused.rest(rest, "Preemption is not helpful for scheduling");
    Outcome::Refused {
        why: refused.message(),
        withdraws: true,
    }
}

/// Why a pod may not ask others to leave.
fn ineligible(pod: &PodInfo, diagnosis: &Diagnosis, snapshot: &Snapshot) -> Option<&'static str> {
    let policy = pod
        .spec()
        .and_then(|spec| spec.preemption_policy.as_deref());
    if policy == Some("Never") {
        return Some("not eligible due to preemptionPolicy=Never.");
    }
    let node = snapshot.nomination(&pod.key)?;
    // A node that will not do whoever leaves is not waited for.
    if !diagnosis.crowded.iter().any(|it| it == node) {
        return None;
    }
    let leaving = |other: &PodInfo| may_preempt(pod, other) && was_preempted(&other.pod);
    let waits = snapshot.node(node)?.pods.values().any(leaving);
    waits.then_some("not eligible due to a terminating pod on the nominated node.")
}

fn may_preempt(pod: &PodInfo, other: &PodInfo) -> bool {
    other.priority() < pod.priority()
}

fn was_preempted(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
        && pods::condition(pod, "DisruptionTarget")
            .is_some_and(|it| it.status == "True" && it.reason.as_deref() == Some(REASON))
}

/// The fewest and least important pods whose leaving makes the pod fit on `node`.
fn room_on(
    node: &str,
    pod: &PodInfo,
    snapshot: &mut Snapshot,
    budgets: &[Arc<PodDisruptionBudget>],
) -> Result<Room, (&'static str, Verdict)> {
    let hopeless = |why: &str| Err(("", Verdict::of_node(false, why)));
    let on_node = |info: &NodeInfo| -> Vec<_> {
        let all = info.pods.values();
        all.filter(|other| may_preempt(pod, other))
            .cloned()
            .collect()
    };
    let mut lower = snapshot.node(node).map(on_node).unwrap_or_default();
    if lower.is_empty() {
        return hopeless("No preemption victims found for incoming pod");
    }
    lower.sort_by(by_importance);
    let (violating, harmless) = split(lower.clone(), budgets);
    let chosen = snapshot.without(&lower, |snapshot| {
        if let Some(refusal) = refusal(node, pod, snapshot) {
            return Err(refusal);
        }
        let mut reprieve = |all: Vec<PodInfo>| -> Vec<PodInfo> {
            let mut stays = |other: &PodInfo| {
                snapshot.place(other.clone());
                let fits = refusal(node, pod, snapshot).is_none();
                if !fits {
                    snapshot.displace(&other.key);
                }
                fits
            };
            all.into_iter().filter(|other| !stays(other)).collect()
        };
        let first = reprieve(violating);
        Ok((first.len(), first, reprieve(harmless)))
    });
    let (violations, mut victims, more) = chosen?;
    victims.extend(more);
    victims.sort_by(by_importance);
    if victims.is_empty() {
        return hopeless("Preemption is not helpful for scheduling");
    }
    Ok(Room {
        node: node.to_owned(),
        victims,
        violations,
    })
}

fn refusal(node: &str, pod: &PodInfo, snapshot: &mut Snapshot) -> cycle::Refusal {
    cycle::judge(pod, snapshot, Some(node))
        .into_iter()
        .flatten()
        .next()
}

/// When a pod started; one that has not is the latest.
fn started(pod: &PodInfo) -> (bool, Option<&Time>) {
    let time = pod
        .pod
        .status
        .as_ref()
        .and_then(|it| it.start_time.as_ref());
    (time.is_none(), time)
}

/// More important first: higher priority, then longer running.
fn by_importance(a: &PodInfo, b: &PodInfo) -> Ordering {
    let rank = |pod: &PodInfo| Reverse(pod.priority());
    let by_priority = rank(a).cmp(&rank(b));
    by_priority.then_with(|| started(a).cmp(&started(b)))
}

/// Those whose leaving breaks a budget, and the others.
fn split(pods: Vec<PodInfo>, budgets: &[Arc<PodDisruptionBudget>]) -> (Vec<PodInfo>, Vec<PodInfo>) {
    let mut budgets: Vec<_> = budgets
        .iter()
        .map(|budget| {
            let selector = budget.spec.as_ref().and_then(|it| it.selector.as_ref());
            let selector = labels::Selector::from_typed(selector)
                .ok()
                .filter(|selector| !selector.is_everything());
            let status = budget.status.as_ref();
            (
                budget,
                selector,
                status.and_then(|it| it.disruptions_allowed).unwrap_or(0),
            )
        })
        .collect();
    pods.into_iter().partition(|pod| {
        let mut violates = false;
        for (budget, selector, allowed) in &mut budgets {
            let selects = pod.labels().is_some_and(|it| !it.is_empty())
                && budget.metadata.namespace.as_deref() == Some(pod.namespace())
                && selector.as_ref().is_some_and(|it| it.matches(pod.labels()));
            let disrupted = budget
                .status
                .as_ref()
                .and_then(|it| it.disrupted_pods.as_ref());
            // One whose disruption was granted already is counted already.
            if selects && !disrupted.is_some_and(|it| it.contains_key(&pod.key.name)) {
                *allowed -= 1;
                violates |= *allowed < 0;
            }
        }
        violates
    })
}

/// The better room first: fewer broken budgets, a less important first victim, a lower sum of priorities,
/// fewer victims, victims that started later.
fn compare(a: &Room, b: &Room) -> Ordering {
    let rank = |room: &Room| {
        let top = room.victims.first().map_or(0, PodInfo::priority);
        // Shifted above zero, so that many pods of negative priority are more than a few.
        let shifted = |pod: &PodInfo| i64::from(pod.priority()) - i64::from(i32::MIN);
        let sum: i64 = room.victims.iter().map(shifted).sum();
        (room.violations, top, sum, room.victims.len())
    };
    rank(a).cmp(&rank(b)).then_with(|| {
        // The first victim is the one of the highest priority that started first.
        let (a, b) = (a.victims.first(), b.victims.first());
        b.map(started).cmp(&a.map(started))
    })
}

#[cfg(test)]
mod tests;
