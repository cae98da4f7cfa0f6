//! Sizes: how big the new and the old sets should be in the next round. Pure; upstream's `rolling.go`,
//! `recreate.go` and the proportional part of `sync.go`.

use super::plan::{Step, bounds, desired, replicas, resize};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use std::sync::Arc;

fn total(sets: &[Arc<ReplicaSet>]) -> i32 {
    sets.iter().map(|set| replicas(set)).sum()
}

fn available(set: &ReplicaSet) -> i32 {
    set.status
        .as_ref()
        .and_then(|status| status.available_replicas)
        .unwrap_or(0)
}

/// The size of the new set: as far as the surge allows. `own` is its present size.
pub(super) fn new_size(deployment: &Deployment, old: &[Arc<ReplicaSet>], own: i32) -> i32 {
    let (surge, _) = bounds(deployment);
    let wanted = desired(deployment);
    let room = wanted + surge - total(old) - own;
    if room <= 0 {
        own
    } else {
        own + room.min(wanted - own)
    }
}

/// One round of a rolling update.
pub(super) fn rolling(
    deployment: &Deployment,
    newest: &ReplicaSet,
    old: &[Arc<ReplicaSet>],
) -> Vec<Step> {
    let wanted = desired(deployment);
    let own = replicas(newest);
    let size = if own > wanted {
        wanted
    } else {
        new_size(deployment, old, own)
    };
    if size != own {
        return resize(deployment, newest, size).into_iter().collect();
    }
    shrink_old(deployment, newest, old)
}

/// Old sets give up unhealthy pods first, then as many as availability allows, oldest sets first.
fn shrink_old(deployment: &Deployment, newest: &ReplicaSet, old: &[Arc<ReplicaSet>]) -> Vec<Step> {
    let old_total = total(old);
    if old_total == 0 {
        return Vec::new();
    }
    let (_, unavailable) = bounds(deployment);
    let least = desired(deployment) - unavailable;
    let new_unavailable = replicas(newest) - available(newest);
    let mut budget = old_total + replicas(newest) - least - new_unavailable;
    if budget <= 0 {
        return Vec::new();
    }
    let mut sizes: Vec<i32> = old.iter().map(|set| replicas(set)).collect();
    for (set, size) in old.iter().zip(&mut sizes) {
        let unhealthy = (*size - available(set)).max(0).min(budget);
        *size -= unhealthy;
        budget -= unhealthy;
    }
    let now_available: i32 = available(newest) + old.iter().map(|set| available(set)).sum::<i32>();
    let mut spare = (now_available - least).max(0);
    for size in &mut sizes {
        let less = spare.min(*size);
        *size -= less;
        spare -= less;
    }
    old.iter()
        .zip(sizes)
        .filter(|(set, size)| replicas(set) != *size)
        .filter_map(|(set, size)| resize(deployment, set, size))
        .collect()
}

/// Steps that empty every old set.
pub(super) fn empty_all(deployment: &Deployment, old: &[Arc<ReplicaSet>]) -> Vec<Step> {
    old.iter()
        .filter(|set| replicas(set) > 0)
        .filter_map(|set| resize(deployment, set, 0))
        .collect()
}

/// One round of `Recreate`: old pods go entirely before new ones come.
pub(super) fn recreate(
    deployment: &Deployment,
    newest: &ReplicaSet,
    old: &[Arc<ReplicaSet>],
    old_pods: usize,
) -> Vec<Step> {
    let steps = empty_all(deployment, old);
    if !steps.is_empty() || old_pods > 0 {
        return steps;
    }
    if replicas(newest) == desired(deployment) {
        return Vec::new();
    }
    resize(deployment, newest, desired(deployment))
        .into_iter()
        .collect()
}

/// Sizes after the deployment itself was scaled: the only active set takes it all; in the middle of a
/// rollout each set takes its share, so that the risk stays spread.
pub(super) fn proportional(
    deployment: &Deployment,
    newest: Option<&Arc<ReplicaSet>>,
    old: &[Arc<ReplicaSet>],
) -> Vec<Step> {
    let wanted = desired(deployment);
    let mut active: Vec<_> = newest
        .into_iter()
        .chain(old)
        .filter(|set| replicas(set) > 0)
        .collect();
    let only = match (active.as_slice(), newest) {
        ([one], _) => Some(*one),
        ([], Some(newest)) => Some(newest),
        ([], None) => old.last(),
        _ => None,
    };
    if let Some(only) = only {
        return resize(deployment, only, wanted).into_iter().collect();
    }
    if let Some(newest) = newest.filter(|newest| is_saturated(deployment, newest)) {
        return old
            .iter()
            .filter(|set| replicas(set) > 0)
            .filter_map(|set| resize(deployment, set, 0))
            .chain(resize(deployment, newest, wanted))
            .collect();
    }
    // Biggest first, newest first among equals, so that rounding leftovers go to the biggest.
    active.sort_by_key(|set| {
        (
            std::cmp::Reverse(replicas(set)),
            std::cmp::Reverse(set.metadata.creation_timestamp.clone()),
        )
    });
    let (surge, _) = bounds(deployment);
    let allowed = if wanted > 0 { wanted + surge } else { 0 };
    let present: i32 = active.iter().map(|set| replicas(set)).sum();
    let to_add = allowed - present;
    let mut left = to_add;
    let mut sizes: Vec<i32> = Vec::with_capacity(active.len());
    for set in &active {
        let share = share(replicas(set), to_add, present);
        let share = if to_add > 0 {
            share.min(left)
        } else {
            share.max(left)
        };
        left -= share;
        sizes.push(replicas(set) + share);
    }
    if let Some(first) = sizes.first_mut() {
        *first = (*first + left).max(0);
    }
    active
        .into_iter()
        .zip(sizes)
        .filter_map(|(set, size)| resize(deployment, set, size.max(0)))
        .collect()
}

fn is_saturated(deployment: &Deployment, set: &ReplicaSet) -> bool {
    let annotated = set.metadata.annotations.as_ref().and_then(|all| {
        all.get("deployment.kubernetes.io/desired-replicas")?
            .parse()
            .ok()
    });
    replicas(set) == desired(deployment)
        && annotated == Some(desired(deployment))
        && available(set) == desired(deployment)
}

/// A set's part of `to_add`, rounded to the nearest pod.
fn share(size: i32, to_add: i32, present: i32) -> i32 {
    if present == 0 {
        return 0;
    }
    let exact = f64::from(size) * f64::from(present + to_add) / f64::from(present);
    #[allow(clippy::cast_possible_truncation)] // both factors are pod counts, far below 2^31
    let rounded = exact.round() as i32;
    rounded - size
}
