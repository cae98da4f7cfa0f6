//! NodeResourcesFit: what a pod requests must be free on the node; nodes with more left are
//! preferred (upstream's LeastAllocated).

use super::{Event, Filter, Judge, Score, Scorer, Verdict};
use crate::{
    pod::PodInfo,
    snapshot::{NodeInfo, Snapshot},
};

pub(super) struct NodeResourcesFit;

impl Filter for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn wakes_on(&self) -> &'static [Event] {
        &[Event::Node, Event::PodRemoved]
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, _: &'a Snapshot) -> Option<Judge<'a>> {
        Some(Box::new(|info| {
            let (lacking, hopeless) = lacking(pod, info);
            match (lacking.is_empty(), hopeless) {
                (true, _) => Verdict::Fits,
                (false, true) => Verdict::Never(lacking),
                (false, false) => Verdict::Unfit(lacking),
            }
        }))
    }
}

/// What there is too little of, and whether even the empty node has too little.
fn lacking(pod: &PodInfo, info: &NodeInfo) -> (Vec<String>, bool) {
    let (mut reasons, mut hopeless) = (Vec::new(), false);
    if i64::try_from(info.pods.len()).unwrap_or(i64::MAX) + 1 > info.allowed_pods {
        reasons.push("Too many pods".to_owned());
    }
    let (wanted, used, has) = (&pod.requests, &info.requested, &info.allocatable);
    let mut check = |name: &str, wanted: i64, used: i64, has: i64| {
        if wanted > 0 && wanted > has - used {
            reasons.push(format!("Insufficient {name}"));
            hopeless |= wanted > has;
        }
    };
    check("cpu", wanted.cpu_milli, used.cpu_milli, has.cpu_milli);
    check(
        "memory",
        wanted.memory_bytes,
        used.memory_bytes,
        has.memory_bytes,
    );
    check(
        "ephemeral-storage",
        wanted.ephemeral_bytes,
        used.ephemeral_bytes,
        has.ephemeral_bytes,
    );
    for (name, amount) in &wanted.extended {
        let of =
            |map: &std::collections::BTreeMap<String, i64>| map.get(name).copied().unwrap_or(0);
        check(name, *amount, of(&used.extended), of(&has.extended));
    }
    (reasons, hopeless)
}

impl Score for NodeResourcesFit {
    fn weight(&self) -> i64 {
        1
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, _: &'a Snapshot) -> Option<Scorer<'a>> {
        let (cpu, memory) = pod.scored();
        Some(Box::new(move |info| {
            let free = |wanted: i64, used: i64, has: i64| match has {
                ..=0 => 0,
                has => ((has - used - wanted) * 100 / has).max(0),
            };
            let cpu = free(cpu, info.scored.0, info.allocatable.cpu_milli);
            let memory = free(memory, info.scored.1, info.allocatable.memory_bytes);
            i64::midpoint(cpu, memory)
        }))
    }

    /// The raw scores are percentages already.
    fn normalize(&self, _: &mut [i64]) {}
}
