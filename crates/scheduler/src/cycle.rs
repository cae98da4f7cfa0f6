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
    snapshot: &Snapshot,
    random: &Random,
) -> Result<String, Diagnosis> {
    let feasible = filter(pod, snapshot)?;
    Ok(choose(pod, snapshot, &feasible, random))
}

fn filter<'a>(pod: &PodInfo, snapshot: &'a Snapshot) -> Result<Vec<&'a NodeInfo>, Diagnosis> {
    let judges: Vec<_> = FILTERS
        .iter()
        .filter_map(|filter| Some((filter.name(), filter.prepare(pod, snapshot)?)))
        .collect();
    let mut diagnosis = Diagnosis::default();
    let mut feasible = Vec::new();
    'nodes: for info in snapshot.nodes() {
        for (plugin, judge) in &judges {
            if let Verdict::Unfit(reasons) = judge(info) {
                diagnosis.refuse(plugin, reasons);
                continue 'nodes;
            }
        }
        feasible.push(info);
    }
    if feasible.is_empty() {
        Err(diagnosis)
    } else {
        Ok(feasible)
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
