//! NodeAffinity: node selectors and required node affinity filter, preferred node affinity scores.

use super::{Event, Filter, Judge, Score, Scorer, Verdict, scale_to_highest};
use crate::{node_selector, pod::PodInfo, snapshot::Snapshot};

pub(super) struct NodeAffinity;

impl Filter for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn wakes_on(&self) -> &'static [Event] {
        &[Event::Node]
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, _: &'a Snapshot) -> Option<Judge<'a>> {
        let spec = pod.spec()?;
        if spec.node_selector.is_none() && node_selector::required(spec).is_none() {
            return None;
        }
        Some(Box::new(|info| {
            Verdict::of_node(
                node_selector::allows(spec, info),
                "node(s) didn't match Pod's node affinity/selector",
            )
        }))
    }
}

impl Score for NodeAffinity {
    fn weight(&self) -> i64 {
        2
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, _: &'a Snapshot) -> Option<Scorer<'a>> {
        let preferred = pod
            .spec()?
            .affinity
            .as_ref()?
            .node_affinity
            .as_ref()?
            .preferred_during_scheduling_ignored_during_execution
            .as_deref()?;
        Some(Box::new(|info| {
            preferred
                .iter()
                .filter(|term| node_selector::matches(&term.preference, info))
                .map(|term| i64::from(term.weight))
                .sum()
        }))
    }

    fn normalize(&self, scores: &mut [i64]) {
        scale_to_highest(scores, false);
    }
}
