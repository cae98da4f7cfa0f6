//! NodeUnschedulable: keeps pods off cordoned nodes unless they tolerate it.

use super::{Event, Filter, Judge, Verdict};
use crate::{pod::PodInfo, snapshot::Snapshot};
use k8s_openapi::api::core::v1::Taint;
use machinery::taints;

pub(super) struct NodeUnschedulable;

impl Filter for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn wakes_on(&self) -> &'static [Event] {
        &[Event::Node]
    }

    fn prepare<'a>(&self, pod: &'a PodInfo, _: &'a Snapshot) -> Option<Judge<'a>> {
        let taint = Taint {
            key: "node.kubernetes.io/unschedulable".to_owned(),
            effect: "NoSchedule".to_owned(),
            ..Taint::default()
        };
        let tolerated = taints::untolerated(&[taint], pod.tolerations(), &["NoSchedule"]).is_none();
        Some(Box::new(move |info| {
            let cordoned = info
                .node
                .as_ref()
                .and_then(|node| node.spec.as_ref()?.unschedulable)
                .unwrap_or(false);
            Verdict::of_node(tolerated || !cordoned, "node(s) were unschedulable")
        }))
    }
}
