//! NodeResourcesBalancedAllocation: prefers nodes where CPU and memory would be used alike.

use super::{Score, Scorer};
use crate::{pod::PodInfo, snapshot::Snapshot};

pub(super) struct NodeResourcesBalancedAllocation;

impl Score for NodeResourcesBalancedAllocation {
    fn weight(&self) -> i64 {
        1
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, _: &'a Snapshot) -> Option<Scorer<'a>> {
        Some(Box::new(|info| {
            let percent = |wanted: i64, used: i64, has: i64| match has {
                ..=0 => 100,
                has => ((used + wanted) * 100 / has).min(100),
            };
            let (wanted, used, has) = (&pod.requests, &info.requested, &info.allocatable);
            let cpu = percent(wanted.cpu_milli, used.cpu_milli, has.cpu_milli);
            let memory = percent(wanted.memory_bytes, used.memory_bytes, has.memory_bytes);
            // The standard deviation of two values is half their distance.
            100 - (cpu - memory).abs() / 2
        }))
    }

    /// The raw scores are percentages already.
    fn normalize(&self, _: &mut [i64]) {}
}
