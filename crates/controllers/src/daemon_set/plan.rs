//! Which pods a DaemonSet creates and deletes, for its promise and for its update. Pure.

use super::pod::{Fate, fate, node_of};
use crate::controller_revisions;
use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::{DaemonSet, RollingUpdateDaemonSet},
    core::v1::{Node, Pod},
};
use machinery::{
    int_or_string::{self, Round},
    pods::{self, Availability},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// What is known about a set.
pub(super) struct Facts<'a> {
    pub(super) set: &'a DaemonSet,
    pub(super) hash: &'a str,
    pub(super) nodes: &'a [Arc<Node>],
    pub(super) pods: &'a [Arc<Pod>],
    /// Nodes whose pods have failed lately, and how long the next is to wait.
    pub(super) waits: &'a HashMap<String, Duration>,
    pub(super) now: Timestamp,
}

/// What to do.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// Nodes to create a pod for.
    pub(super) create: Vec<String>,
    pub(super) delete: Vec<Arc<Pod>>,
    /// Finished pods among those to delete, to tell of, with their node.
    pub(super) finished: Vec<(Arc<Pod>, String)>,
    pub(super) look_again: Option<Duration>,
}

/// The set's pods by the node they are for.
pub(super) fn by_node(pods: &[Arc<Pod>]) -> BTreeMap<&str, Vec<&Arc<Pod>>> {
    let mut map: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for pod in pods {
        if let Some(node) = node_of(pod) {
            map.entry(node).or_default().push(pod);
        }
    }
    map
}

impl Facts<'_> {
    fn is_new(&self, pod: &Pod) -> bool {
        controller_revisions::hash_of(&pod.metadata) == self.hash
    }

    pub(super) fn is_available(&self, pod: &Pod) -> bool {
        let seconds = self.set.spec.as_ref().and_then(|it| it.min_ready_seconds);
        pods::availability(pod, seconds.unwrap_or(0), self.now) == Availability::Available
    }

    fn rolling(&self) -> Option<RollingUpdateDaemonSet> {
        let strategy = self.set.spec.as_ref()?.update_strategy.as_ref();
        match strategy.and_then(|it| it.type_.as_deref()) {
            Some("OnDelete") => None,
            _ => Some(
                strategy
                    .and_then(|it| it.rolling_update.clone())
                    .unwrap_or_default(),
            ),
        }
    }

    /// How many pods may be extra and how many may be away, of `desired`.
    fn bounds(&self, rolling: &RollingUpdateDaemonSet, desired: usize) -> (usize, usize) {
        let desired = i32::try_from(desired).unwrap_or(i32::MAX);
        let count = |value: Option<&_>, default: i32| {
            let scaled = value.map_or(Ok(default), |it| {
                int_or_string::scaled(it, desired, Round::Up)
            });
            usize::try_from(scaled.unwrap_or(default)).unwrap_or(0)
        };
        match (
            count(rolling.max_surge.as_ref(), 0),
            count(rolling.max_unavailable.as_ref(), 1),
        ) {
            (0, 0) => (0, 1),
            bounds => bounds,
        }
    }
}

/// Keeps one pod on every node that is to have one; once that is so, goes on with the update.
pub(super) fn plan(facts: &Facts<'_>) -> Plan {
    let pods = by_node(facts.pods);
    let mut plan = Plan::default();
    let mut running = Vec::new();
    let bounds = facts.rolling().map(|rolling| {
        let fates = facts.nodes.iter().map(|node| fate(facts.set, node));
        facts.bounds(&rolling, fates.filter(|it| *it == Fate::Run).count())
    });
    let surges = bounds.is_some_and(|(surge, _)| surge > 0);
    for node in facts.nodes {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let here = pods.get(name).map(Vec::as_slice).unwrap_or_default();
        match fate(facts.set, node) {
            Fate::Never => {
                let going = here.iter().filter(|pod| !pods::is_terminating(pod));
                plan.delete.extend(going.map(|pod| Arc::clone(pod)));
            }
            Fate::Run if here.is_empty() => {
                plan.create.push(name.to_owned());
                running.push((name, here));
            }
            fate => {
                prune(facts, name, here, surges, &mut plan);
                if fate == Fate::Run {
                    running.push((name, here));
                }
            }
        }
    }
    let names = facts.nodes.iter().map(|node| node.metadata.name.as_deref());
    let existing: HashSet<_> = names.collect();
    for (_, lost) in pods
        .iter()
        .filter(|(node, _)| !existing.contains(&Some(**node)))
    {
        let unbound = |pod: &&&Arc<Pod>| {
            let node = pod.spec.as_ref().and_then(|it| it.node_name.as_deref());
            node.unwrap_or_default().is_empty() && !pods::is_terminating(pod)
        };
        let lost = lost.iter().filter(unbound);
        plan.delete.extend(lost.map(|pod| Arc::clone(pod)));
    }
    if plan.create.is_empty() && plan.delete.is_empty() {
        match bounds {
            Some((0, unavailable)) => replace(facts, &running, unavailable, &mut plan),
            Some((surge, _)) => surge_over(facts, &running, surge, &mut plan),
            None => {}
        }
    }
    plan.look_again = [plan.look_again, next_availability(facts)]
        .into_iter()
        .flatten()
        .min();
    plan
}

/// Leaves one living pod on a node, or an old and a new one while the update surges.
fn prune(facts: &Facts<'_>, node: &str, here: &[&Arc<Pod>], surges: bool, plan: &mut Plan) {
    let mut living = Vec::new();
    for pod in here.iter().filter(|pod| !pods::is_terminating(pod)) {
        let failed = pods::phase(pod) == "Failed";
        if let Some(wait) = facts.waits.get(node).filter(|_| failed) {
            plan.look_again = Some(plan.look_again.map_or(*wait, |it| it.min(*wait)));
        } else if pods::is_terminal(pod) {
            plan.delete.push(Arc::clone(pod));
            plan.finished.push((Arc::clone(pod), node.to_owned()));
        } else {
            living.push(*pod);
        }
    }
    living.sort_by_key(|pod| {
        let bound = pod.spec.as_ref().is_some_and(|it| it.node_name.is_some());
        let created = pod.metadata.creation_timestamp.as_ref().map(|it| it.0);
        (!bound, created, pod.metadata.name.clone())
    });
    if !surges {
        let excess = living.into_iter().skip(1);
        plan.delete.extend(excess.map(Arc::clone));
        return;
    }
    let (new, old): (Vec<_>, Vec<_>) = living.into_iter().partition(|pod| facts.is_new(pod));
    let done = new
        .first()
        .zip(old.first())
        .is_some_and(|(new, old)| !pods::is_ready(old) || facts.is_available(new));
    let excess = new.into_iter().skip(1);
    plan.delete.extend(excess.map(Arc::clone));
    let excess = old.into_iter().skip(usize::from(!done));
    plan.delete.extend(excess.map(Arc::clone));
}

/// A new and an old pod.
type Pair<'a> = (Option<&'a Arc<Pod>>, Option<&'a Arc<Pod>>);

/// The living new and old pod of a node; nothing when there are several of one sort.
fn pair<'a>(facts: &Facts<'_>, here: &[&'a Arc<Pod>]) -> Option<Pair<'a>> {
    let (mut new, mut old) = (None, None);
    for pod in here.iter().filter(|pod| !pods::is_terminating(pod)) {
        let slot = if facts.is_new(pod) {
            &mut new
        } else {
            &mut old
        };
        if slot.replace(*pod).is_some() {
            return None;
        }
    }
    Some((new, old))
}

/// Deletes old pods, as many as may be away at once; those that are away already do not count.
fn replace(
    facts: &Facts<'_>,
    running: &[(&str, &[&Arc<Pod>])],
    unavailable: usize,
    plan: &mut Plan,
) {
    let (mut away, mut candidates) = (0, Vec::new());
    for (_, here) in running {
        match pair(facts, here) {
            Some((Some(new), None)) if facts.is_available(new) => {}
            Some((None, Some(old))) if facts.is_available(old) => candidates.push(Arc::clone(old)),
            Some((None, Some(old))) => plan.delete.push(Arc::clone(old)),
            _ => away += 1,
        }
    }
    // Old pods that are away already are replaced in any case, and count as away from then on.
    let allowed = unavailable.saturating_sub(away + plan.delete.len());
    plan.delete.extend(candidates.into_iter().take(allowed));
}

/// Creates new pods beside old ones, as many as may be extra at once.
fn surge_over(facts: &Facts<'_>, running: &[(&str, &[&Arc<Pod>])], surge: usize, plan: &mut Plan) {
    let (mut extra, mut candidates) = (0, Vec::new());
    for (node, here) in running {
        match pair(facts, here) {
            None => extra += 1,
            Some((_, None)) => {}
            Some((None, Some(old))) if facts.is_available(old) => {
                candidates.push((*node).to_owned());
            }
            Some((None, Some(_))) => plan.create.push((*node).to_owned()),
            Some((Some(new), Some(old))) => {
                if facts.is_available(new) {
                    plan.delete.push(Arc::clone(old));
                } else {
                    extra += 1;
                }
            }
        }
    }
    let allowed = surge.saturating_sub(extra);
    plan.create.extend(candidates.into_iter().take(allowed));
}

/// When the next ready pod becomes available, if one has yet to.
fn next_availability(facts: &Facts<'_>) -> Option<Duration> {
    let seconds = facts.set.spec.as_ref().and_then(|it| it.min_ready_seconds);
    let waits = facts.pods.iter().filter_map(|pod| {
        match pods::availability(pod, seconds.unwrap_or(0), facts.now) {
            Availability::After(wait) => Duration::try_from(wait).ok(),
            _ => None,
        }
    });
    waits.min()
}
