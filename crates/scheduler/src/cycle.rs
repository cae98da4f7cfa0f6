//! One pod, top to bottom: filter the nodes, score those that are left, choose. Pure: the snapshot in, a
//! node or a diagnosis out.

use crate::{
    diagnosis::Diagnosis,
    plugins::{FILTERS, SCORES, Verdict},
    pod::PodInfo,
    snapshot::{NodeInfo, Snapshot},
};
use stdx::random::Random;

/// Finds the node for a pod.
///
/// # Errors
/// Why it fits nowhere.
pub(crate) fn find(
    pod: &PodInfo,
    snapshot: &mut Snapshot,
    random: &Random,
) -> Result<String, Diagnosis> {
    let refusals = judge(pod, snapshot, None);
    let snapshot = &*snapshot;
    let mut diagnosis = Diagnosis::default();
    let mut feasible = Vec::new();
    for (info, refusal) in snapshot.nodes().zip(refusals) {
        match refusal {
            Some((plugin, verdict)) => diagnosis.refuse(info.name(), plugin, verdict),
            None => feasible.push(info),
        }
    }
    if feasible.is_empty() {
        return Err(diagnosis);
    }
    // The node on which others made room for it is not left for another.
    let nominated = snapshot.nomination(&pod.key);
    if let Some(info) = feasible.iter().find(|info| nominated == Some(info.name())) {
        return Ok(info.name().to_owned());
    }
    Ok(choose(pod, snapshot, &feasible, random))
}

/// The plugin that refuses a node, and what it says.
pub(crate) type Refusal = Option<(&'static str, Verdict)>;

/// Judges all nodes in order, or the one named. Pods for which room is kept, and which are no less
/// important, count as placed; a node must do without them as well, since they may go elsewhere.
pub(crate) fn judge(pod: &PodInfo, snapshot: &mut Snapshot, only: Option<&str>) -> Vec<Refusal> {
    let above: Vec<_> = snapshot
        .nominees()
        .filter(|other| other.key != pod.key && other.priority() >= pod.priority())
        .cloned()
        .collect();
    if above.is_empty() {
        return filter(pod, snapshot, only);
    }
    let crowded = snapshot.with(above, |snapshot| filter(pod, snapshot, only));
    let plain = filter(pod, snapshot, only);
    let both = crowded.into_iter().zip(plain);
    both.map(|(crowded, plain)| crowded.or(plain)).collect()
}

fn filter(pod: &PodInfo, snapshot: &Snapshot, only: Option<&str>) -> Vec<Refusal> {
    let judges: Vec<_> = FILTERS
        .iter()
        .filter_map(|filter| Some((filter.name(), filter.prepare(pod, snapshot)?)))
        .collect();
    let refusal = |info: &NodeInfo| {
        judges.iter().find_map(|(plugin, judge)| match judge(info) {
            Verdict::Fits => None,
            refused => Some((*plugin, refused)),
        })
    };
    match only {
        Some(name) => snapshot.node(name).into_iter().map(refusal).collect(),
        None => snapshot.nodes().map(refusal).collect(),
    }
}

/// The feasible node with the highest score; one of them at random when several are equal.
fn choose(pod: &PodInfo, snapshot: &Snapshot, feasible: &[&NodeInfo], random: &Random) -> String {
    if let [only] = feasible {
        return only.name().to_owned();
    }
    let mut totals = vec![0; feasible.len()];
    for plugin in SCORES {
        let Some(scorer) = plugin.prepare(pod, snapshot) else {
            continue;
        };
        let mut scores: Vec<i64> = feasible.iter().map(|info| scorer(info)).collect();
        plugin.normalize(&mut scores);
        for (total, score) in totals.iter_mut().zip(scores) {
            *total += plugin.weight() * score;
        }
    }
    let best = totals.iter().copied().max().unwrap_or(0);
    let winners: Vec<_> = feasible
        .iter()
        .zip(&totals)
        .filter(|(_, total)| **total == best)
        .map(|(info, _)| info)
        .collect();
    let index = usize::try_from(random.below(winners.len() as u64)).unwrap_or(0);
    winners
        .get(index)
        .map(|info| info.name().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
