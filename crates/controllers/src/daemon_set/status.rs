//! The status that a DaemonSet's nodes and pods add up to. Pure.

use super::{
    plan::{Facts, by_node},
    pod::{Fate, fate},
};
use crate::controller_revisions;
use k8s_openapi::api::apps::v1::DaemonSetStatus;
use machinery::pods;

/// The status of the set.
pub(super) fn status(facts: &Facts<'_>, collisions: Option<i32>) -> DaemonSetStatus {
    let pods = by_node(facts.pods);
    let old = facts.set.status.clone().unwrap_or_default();
    let mut status = DaemonSetStatus {
        collision_count: collisions,
        conditions: old.conditions,
        observed_generation: facts.set.metadata.generation,
        ..DaemonSetStatus::default()
    };
    let (mut available, mut updated) = (0, 0);
    for node in facts.nodes {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let here = pods.get(name).map(Vec::as_slice).unwrap_or_default();
        if fate(facts.set, node) != Fate::Run {
            status.number_misscheduled += i32::from(!here.is_empty());
            continue;
        }
        status.desired_number_scheduled += 1;
        status.current_number_scheduled += i32::from(!here.is_empty());
        let oldest = here
            .iter()
            .min_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|it| it.0));
        let Some(oldest) = oldest else { continue };
        status.number_ready += i32::from(here.iter().any(|pod| pods::is_ready(pod)));
        available += i32::from(here.iter().any(|pod| facts.is_available(pod)));
        let hash = controller_revisions::hash_of(&oldest.metadata);
        updated += i32::from(hash == facts.hash);
    }
    let filled = |count: i32| Some(count).filter(|count| *count > 0);
    status.number_available = filled(available);
    status.number_unavailable = filled(status.desired_number_scheduled - available);
    status.updated_number_scheduled = filled(updated);
    status
}
