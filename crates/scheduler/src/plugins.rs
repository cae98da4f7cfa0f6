//! The closed list of plugins, in the order in which filters run (upstream's default order).

mod inter_pod_affinity;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources_balanced;
mod node_resources_fit;
mod node_unschedulable;
mod pod_topology_spread;
mod taint_toleration;

use crate::{
    pod::PodInfo,
    snapshot::{NodeInfo, Snapshot},
};

/// What a filter says of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The pod may go there.
    Fits,
    /// It may not while the pods are where they are; upstream's reason texts.
    Unfit(Vec<String>),
    /// It may not, whichever pods leave (upstream's `UnschedulableAndUnresolvable`).
    Never(Vec<String>),
}

impl Verdict {
    /// Fits when `holds`, else unfit for one reason.
    pub(crate) fn when(holds: bool, reason: &str) -> Self {
        if holds {
            Self::Fits
        } else {
            Self::Unfit(vec![reason.to_owned()])
        }
    }

    /// Fits when `holds`, else no leaving pod would change it.
    pub(crate) fn of_node(holds: bool, reason: &str) -> Self {
        if holds {
            Self::Fits
        } else {
            Self::Never(vec![reason.to_owned()])
        }
    }
}

/// Changes in the cluster that could make a refused pod fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A node appeared or changed.
    Node,
    /// A pod left a node, or finished.
    PodRemoved,
    /// A pod was placed, or changed its labels.
    PodPlaced,
}

/// A judge of nodes for one pod.
pub(crate) type Judge<'a> = Box<dyn Fn(&NodeInfo) -> Verdict + 'a>;

/// A giver of raw scores for one pod.
pub(crate) type Scorer<'a> = Box<dyn Fn(&NodeInfo) -> i64 + 'a>;

/// Decides where a pod may go.
pub(crate) trait Filter: Send + Sync {
    /// Upstream's name.
    fn name(&self) -> &'static str;
    /// The events that could change its verdict.
    fn wakes_on(&self) -> &'static [Event];
    /// Looks at the pod and the whole snapshot once; `None` when it has nothing to say of this pod.
    fn prepare<'a>(&self, pod: &'a PodInfo, snapshot: &'a Snapshot) -> Option<Judge<'a>>;
}

/// Decides where a pod would rather go.
pub(crate) trait Score: Send + Sync {
    /// Upstream's default weight.
    fn weight(&self) -> i64;
    /// As [`Filter::prepare`].
    fn prepare<'a>(&self, pod: &'a PodInfo, snapshot: &'a Snapshot) -> Option<Scorer<'a>>;
    /// Turns raw scores into 0..=100.
    fn normalize(&self, scores: &mut [i64]);
}

/// All filters.
pub(crate) const FILTERS: &[&dyn Filter] = &[
    &node_unschedulable::NodeUnschedulable,
    &node_name::NodeName,
    &taint_toleration::TaintToleration,
    &node_affinity::NodeAffinity,
    &node_ports::NodePorts,
    &node_resources_fit::NodeResourcesFit,
    &pod_topology_spread::PodTopologySpread,
    &inter_pod_affinity::InterPodAffinity,
];

/// All scores.
pub(crate) const SCORES: &[&dyn Score] = &[
    &taint_toleration::TaintToleration,
    &node_affinity::NodeAffinity,
    &node_resources_fit::NodeResourcesFit,
    &node_resources_balanced::NodeResourcesBalancedAllocation,
    &pod_topology_spread::PodTopologySpread,
    &inter_pod_affinity::InterPodAffinity,
];

/// Scales so that the highest raw score becomes 100 (upstream's `DefaultNormalizeScore`).
fn scale_to_highest(scores: &mut [i64], reverse: bool) {
    let highest = scores.iter().copied().max().unwrap_or(0);
    for score in scores {
        let scaled = if highest == 0 {
            0
        } else {
            *score * 100 / highest
        };
        *score = if reverse { 100 - scaled } else { scaled };
    }
}

/// Scales so that the lowest raw score becomes 0 and the highest 100.
fn scale_between(scores: &mut [i64], reverse: bool) {
    let lowest = scores.iter().copied().min().unwrap_or(0);
    let highest = scores.iter().copied().max().unwrap_or(0);
    for score in scores {
        *score = match highest - lowest {
            0 => {
                if reverse {
                    100
                } else {
                    0
                }
            }
            width if reverse => (highest - *score) * 100 / width,
            width => (*score - lowest) * 100 / width,
        };
    }
}
