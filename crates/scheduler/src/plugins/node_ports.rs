//! NodePorts: two pods cannot have the same port of one host.

use super::{Event, Filter, Judge, Verdict};
use crate::{pod::PodInfo, snapshot::Snapshot};

pub(super) struct NodePorts;

impl Filter for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn wakes_on(&self) -> &'static [Event] {
        &[Event::Node, Event::PodRemoved]
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, _: &'a Snapshot) -> Option<Judge<'a>> {
        if pod.host_ports.is_empty() {
            return None;
        }
        Some(Box::new(|info| {
            let taken = info
                .pods
                .values()
                .flat_map(|other| &other.host_ports)
                .any(|theirs| pod.host_ports.iter().any(|ours| ours.collides(theirs)));
            Verdict::when(
                !taken,
                "node(s) didn't have free ports for the requested pod ports",
            )
        }))
    }
}
