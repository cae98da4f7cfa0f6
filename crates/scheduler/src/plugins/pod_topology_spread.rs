//! PodTopologySpread: keeps the counts of like pods in zones, hosts or other domains within a skew.
//! Pods without constraints of their own spread softly over hosts and zones (upstream's defaults).

use super::{Event, Filter, Judge, Score, Scorer, Verdict, scale_between};
use crate::{
    node_selector,
    pod::PodInfo,
    snapshot::{NodeInfo, Snapshot},
};
use k8s_openapi::api::core::v1::TopologySpreadConstraint;
use machinery::{labels, owners, taints};
use std::{cell::RefCell, collections::BTreeMap};

pub(super) struct PodTopologySpread;

const MISSING_LABEL: &str =
    "node(s) didn't match pod topology spread constraints (missing required label)";
const TOO_SKEWED: &str = "node(s) didn't match pod topology spread constraints";

/// One constraint with the counts of matching pods in each domain.
struct Constraint<'a> {
    key: &'a str,
    max_skew: i64,
    selects_itself: bool,
    counts: BTreeMap<&'a str, i64>,
    lowest: i64,
}

impl Filter for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn wakes_on(&self) -> &'static [Event] {
        &[Event::Node, Event::PodRemoved, Event::PodPlaced]
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, snapshot: &'a Snapshot) -> Option<Judge<'a>> {
        let constraints: Vec<_> = constraints(pod, "DoNotSchedule")
            .map(|constraint| count(constraint, pod, snapshot))
            .collect();
        if constraints.is_empty() {
            return None;
        }
        Some(Box::new(move |info| judge(&constraints, info)))
    }
}

fn constraints<'a>(
    pod: &'a PodInfo,
    when: &'static str,
) -> impl Iterator<Item = &'a TopologySpreadConstraint> {
    pod.spec()
        .and_then(|spec| spec.topology_spread_constraints.as_deref())
        .unwrap_or_default()
        .iter()
        .filter(move |constraint| constraint.when_unsatisfiable == when)
}

fn judge(constraints: &[Constraint<'_>], info: &NodeInfo) -> Verdict {
    for constraint in constraints {
        let Some(domain) = info.label(constraint.key) else {
            return Verdict::Never(vec![MISSING_LABEL.to_owned()]);
        };
        let here = constraint.counts.get(domain).copied().unwrap_or(0);
        let with_it = here + i64::from(constraint.selects_itself);
        if with_it - constraint.lowest > constraint.max_skew {
            return Verdict::Unfit(vec![TOO_SKEWED.to_owned()]);
        }
    }
    Verdict::Fits
}

/// The selector of a constraint, with the pod's own values of `matchLabelKeys` added.
fn selector(constraint: &TopologySpreadConstraint, pod: &PodInfo) -> labels::Selector {
    let mut typed = constraint.label_selector.clone();
    for key in constraint.match_label_keys.iter().flatten() {
        let value = pod.labels().and_then(|labels| labels.get(key));
        if let (Some(typed), Some(value)) = (&mut typed, value) {
            typed
                .match_labels
                .get_or_insert_default()
                .insert(key.clone(), value.clone());
        }
    }
    labels::Selector::from_typed(typed.as_ref()).unwrap_or_else(|_| labels::Selector::nothing())
}

fn count<'a>(
    constraint: &'a TopologySpreadConstraint,
    pod: &'a PodInfo,
    snapshot: &'a Snapshot,
) -> Constraint<'a> {
    let selector = selector(constraint, pod);
    let mut counts = BTreeMap::new();
    for info in snapshot.nodes() {
        let Some(domain) = info.label(&constraint.topology_key) else {
            continue;
        };
        if !includes(constraint, pod, info) {
            continue;
        }
        *counts.entry(domain).or_insert(0) += matching(info, pod.namespace(), &selector);
    }
    let enough_domains = constraint
        .min_domains
        .is_none_or(|least| counts.len() >= usize::try_from(least).unwrap_or(0));
    Constraint {
        key: &constraint.topology_key,
        max_skew: i64::from(constraint.max_skew),
        selects_itself: selector.matches(pod.labels()),
        // With fewer domains than minDomains the lowest count is taken as zero.
        lowest: if enough_domains {
            counts.values().copied().min().unwrap_or(0)
        } else {
            0
        },
        counts,
    }
}

/// Whether a node's domain counts: `nodeAffinityPolicy` (default Honor) and `nodeTaintsPolicy` (default Ignore).
fn includes(constraint: &TopologySpreadConstraint, pod: &PodInfo, info: &NodeInfo) -> bool {
    let honors_affinity = constraint.node_affinity_policy.as_deref() != Some("Ignore");
    let honors_taints = constraint.node_taints_policy.as_deref() == Some("Honor");
    let allowed = !honors_affinity
        || pod
            .spec()
            .is_none_or(|spec| node_selector::allows(spec, info));
    let taints = info
        .node
        .as_ref()
        .and_then(|node| node.spec.as_ref()?.taints.as_deref())
        .unwrap_or_default();
    let effects = ["NoSchedule", "NoExecute"];
    allowed
        && (!honors_taints || taints::untolerated(taints, pod.tolerations(), &effects).is_none())
}

fn matching(info: &NodeInfo, namespace: &str, selector: &labels::Selector) -> i64 {
    let count = info
        .pods
        .values()
        .filter(|other| {
            other.namespace() == namespace
                && !other.is_terminating()
                && selector.matches(other.labels())
        })
        .count();
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Score for PodTopologySpread {
    fn weight(&self) -> i64 {
        2
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, snapshot: &'a Snapshot) -> Option<Scorer<'a>> {
        let soft: Vec<_> = constraints(pod, "ScheduleAnyway")
            .map(|constraint| (constraint.topology_key.as_str(), selector(constraint, pod)))
            .collect();
        let soft = if soft.is_empty() {
            default_constraints(pod)?
        } else {
            soft
        };
        // Counts of a domain, worked out when its first node is scored.
        let known: RefCell<BTreeMap<(usize, String), i64>> = RefCell::default();
        Some(Box::new(move |info| {
            let mut total = 0;
            for (index, (key, selector)) in soft.iter().enumerate() {
                let Some(domain) = info.label(key) else {
                    continue;
                };
                total += *known
                    .borrow_mut()
                    .entry((index, domain.to_owned()))
                    .or_insert_with(|| {
                        snapshot
                            .nodes()
                            .filter(|other| other.label(key) == Some(domain))
                            .map(|other| matching(other, pod.namespace(), selector))
                            .sum()
                    });
            }
            total
        }))
    }

    fn normalize(&self, scores: &mut [i64]) {
        scale_between(scores, true);
    }
}

/// Upstream's cluster defaults for pods that something controls: spread over hosts and zones.
fn default_constraints(pod: &PodInfo) -> Option<Vec<(&'static str, labels::Selector)>> {
    owners::controller_of(&pod.pod.metadata)?;
    let selector = labels::Selector::from_map(pod.labels()?);
    Some(vec![
        ("kubernetes.io/hostname", selector.clone()),
        ("topology.kubernetes.io/zone", selector),
    ])
}
