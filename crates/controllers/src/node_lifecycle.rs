//! Promise: a node whose kubelet has fallen silent says so in its conditions, and a node that is not well
//! carries the taints that keep pods away. Upstream: node-lifecycle-controller.

use crate::Context;
use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        coordination::v1::Lease,
        core::v1::{Node, NodeCondition, Taint},
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Recorder, Wiring, Writes, reference};
use std::{sync::Arc, time::Duration};
use stdx::clock::Clock;

pub(crate) const NAME: &str = "node-lifecycle-controller";
/// Silence after which a node counts as lost; upstream's `--node-monitor-grace-period`.
const GRACE: Duration = Duration::from_secs(50);
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// Conditions that turn into `NoSchedule` taints while they have this status.
const CONDITION_TAINTS: &[(&str, &str, &str)] = &[
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    (
        "MemoryPressure",
        "True",
        "node.kubernetes.io/memory-pressure",
    ),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
    (
        "NetworkUnavailable",
        "True",
        "node.kubernetes.io/network-unavailable",
    ),
];
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

pub(crate) struct NodeLifecycle {
    nodes: Arc<Cache<Node>>,
    leases: Arc<Cache<Lease>>,
    recorder: Recorder,
    clock: Clock,
    /// Nobody is lost before this process has listened for a whole grace period itself.
    started: Timestamp,
}

impl NodeLifecycle {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            nodes: context.caches.of(),
            leases: context.caches.of(),
            recorder: context.recorder.named(NAME),
            clock: context.clock.clone(),
            started: context.clock.now(),
        }
    }

    /// When the node was last heard of.
    fn heard(&self, name: &str, node: &Node) -> Timestamp {
        let lease = self.leases.get("kube-node-lease", name);
        let renewed =
            lease.and_then(|lease| lease.spec.as_ref()?.renew_time.as_ref().map(|time| time.0));
        let reported = ready(node)
            .and_then(|condition| condition.last_heartbeat_time.as_ref().map(|time| time.0));
        [renewed, reported, Some(self.started)]
            .into_iter()
            .flatten()
            .max()
            .unwrap_or(self.started)
    }
}

#[async_trait]
impl Reconcile for NodeLifecycle {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Lease renewals wake nothing: the next look at a node is timed for when its silence would matter.
    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<Node>();
        wiring.on::<Lease>(|change| match (&change.old, &change.new) {
            (None, Some(new)) if new.metadata.namespace.as_deref() == Some("kube-node-lease") => {
                vec![Key::new(
                    "",
                    new.metadata.name.as_deref().unwrap_or_default(),
                )]
            }
            _ => Vec::new(),
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(node) = self.nodes.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let now = self.clock.now();
        let silent = now
            .duration_since(self.heard(&key.name, &node))
            .unsigned_abs();
        let mut changed = (*node).clone();
        if silent >= GRACE && mark_lost(&mut changed, now) {
            self.recorder.normal(
                &reference(&*node),
                "NodeNotReady",
                &format!("Node {} status is now: NodeNotReady", key.name),
            );
            changed = writes.update_status(&changed).await?;
        }
        if set_taints(&mut changed, now) {
            writes.update(&changed).await?;
        }
        // A lost node comes back by writing its own status, which wakes this key.
        Ok(if silent < GRACE {
            Outcome::After(GRACE.checked_sub(silent).unwrap_or(GRACE))
        } else {
            Outcome::Done
        })
    }
}

fn ready(node: &Node) -> Option<&NodeCondition> {
    conditions(node).find(|condition| condition.type_ == "Ready")
}

fn conditions(node: &Node) -> impl Iterator<Item = &NodeCondition> {
    node.status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default()
        .iter()
}

/// Turns the conditions of a silent node `Unknown`; false when they are already.
fn mark_lost(node: &mut Node, now: Timestamp) -> bool {
    let conditions = node
        .status
        .get_or_insert_default()
        .conditions
        .get_or_insert_default();
    let mut changed = false;
    for kind in ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"] {
        let lost = NodeCondition {
            type_: kind.to_owned(),
            status: "Unknown".to_owned(),
            reason: Some("NodeStatusUnknown".to_owned()),
            message: Some("Kubelet stopped posting node status.".to_owned()),
            last_transition_time: Some(Time(stdx::clock::whole_seconds(now))),
            last_heartbeat_time: None,
        };
        match conditions
            .iter_mut()
            .find(|condition| condition.type_ == kind)
        {
            Some(found) if found.status == "Unknown" => continue,
            Some(found) => {
                let last = found.last_heartbeat_time.take();
                *found = NodeCondition {
                    last_heartbeat_time: last,
                    ..lost
                };
            }
            None => conditions.push(NodeCondition {
                reason: Some("NodeStatusNeverUpdated".to_owned()),
                message: Some("Kubelet never posted node status.".to_owned()),
                ..lost
            }),
        }
        changed = true;
    }
    changed
}

/// Makes the taints follow the conditions and the cordon; false when they do.
fn set_taints(node: &mut Node, now: Timestamp) -> bool {
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for (kind, status, taint) in CONDITION_TAINTS {
        if conditions(node).any(|condition| condition.type_ == *kind && condition.status == *status)
        {
            wanted.push((taint, "NoSchedule"));
            if *kind == "Ready" {
                wanted.push((taint, "NoExecute"));
            }
        }
    }
    let spec = node.spec.get_or_insert_default();
    if spec.unschedulable == Some(true) {
        wanted.push((UNSCHEDULABLE, "NoSchedule"));
    }
    let managed = |taint: &Taint| {
        let by_condition = CONDITION_TAINTS.iter().any(|(_, _, key)| *key == taint.key);
        by_condition || taint.key == UNSCHEDULABLE
    };
    let mut taints = spec.taints.clone().unwrap_or_default();
    taints.retain(|taint| {
        !managed(taint) || wanted.contains(&(taint.key.as_str(), taint.effect.as_str()))
    });
    for (key, effect) in wanted {
        if !taints
            .iter()
            .any(|taint| taint.key == key && taint.effect == effect)
        {
            taints.push(Taint {
                key: key.to_owned(),
                effect: effect.to_owned(),
                time_added: Some(Time(stdx::clock::whole_seconds(now))),
                value: None,
            });
        }
    }
    let taints = Some(taints).filter(|taints| !taints.is_empty());
    let changed = spec.taints != taints;
    spec.taints = taints;
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;

    fn node(ready: &str) -> Node {
        let tree = serde_json::json!({"metadata": {"name": "n"}, "status": {"conditions": [{"type": "Ready", "status": ready}]}});
        Node::decode(tree.to_string().as_bytes()).unwrap()
    }

    fn taints(node: &Node) -> Vec<String> {
        let taints = node
            .spec
            .as_ref()
            .and_then(|spec| spec.taints.clone())
            .unwrap_or_default();
        taints
            .iter()
            .map(|taint| format!("{}:{}", taint.key, taint.effect))
            .collect()
    }

    #[test]
    fn taints_follow_conditions() {
        let mut sick = node("False");
        assert!(set_taints(&mut sick, Timestamp::UNIX_EPOCH));
        assert_eq!(
            taints(&sick),
            [
                format!("{NOT_READY}:NoSchedule"),
                format!("{NOT_READY}:NoExecute")
            ]
        );
        assert!(!set_taints(&mut sick, Timestamp::UNIX_EPOCH));
        assert!(mark_lost(&mut sick, Timestamp::UNIX_EPOCH));
        assert!(set_taints(&mut sick, Timestamp::UNIX_EPOCH));
        assert_eq!(
            taints(&sick),
            [
                format!("{UNREACHABLE}:NoSchedule"),
                format!("{UNREACHABLE}:NoExecute")
            ]
        );
        let mut well = node("True");
        assert!(!set_taints(&mut well, Timestamp::UNIX_EPOCH));
    }
}
