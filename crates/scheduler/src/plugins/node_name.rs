//! NodeName: a pod that names its node goes there or nowhere.

use super::{Event, Filter, Judge, Verdict};
use crate::{pod::PodInfo, snapshot::Snapshot};

pub(super) struct NodeName;

impl Filter for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn wakes_on(&self) -> &'static [Event] {
        &[Event::Node]
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, _: &'a Snapshot) -> Option<Judge<'a>> {
        let wanted = pod.node();
        (!wanted.is_empty()).then(|| -> Judge<'a> {
            Box::new(move |info| {
                Verdict::of_node(
                    info.name() == wanted,
                    "node(s) didn't match the requested node name",
                )
            })
        })
    }
}
