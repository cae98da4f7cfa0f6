//! Promise: no pod stays on a node whose `NoExecute` taint it does not tolerate, or longer than it tolerates
//! it. Upstream: taint-eviction-controller.

use crate::Context;
use async_trait::async_trait;
use client::DeleteOptions;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use machinery::taints;
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Recorder, Wiring, Writes, reference};
use std::{sync::Arc, time::Duration};
use stdx::clock::Clock;

pub(crate) const NAME: &str = "taint-eviction-controller";

pub(crate) struct TaintEviction {
    nodes: Arc<Cache<Node>>,
    pods: Arc<Cache<Pod>>,
    recorder: Recorder,
    clock: Clock,
}

impl TaintEviction {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            nodes: context.caches.of(),
            pods: context.caches.of(),
            recorder: context.recorder.named(NAME),
            clock: context.clock.clone(),
        }
    }
}

/// What becomes of a pod on a tainted node.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
    GoesAfter(Duration),
}

fn node_of(pod: &Pod) -> &str {
    pod.spec
        .as_ref()
        .and_then(|spec| spec.node_name.as_deref())
        .unwrap_or_default()
}

fn fate(pod: &Pod, all: &[Taint], now: Timestamp) -> Fate {
    let tolerations = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.tolerations.as_deref())
        .unwrap_or_default();
    let mut least: Option<Duration> = None;
    for taint in all.iter().filter(|taint| taint.effect == "NoExecute") {
        let matching: Vec<_> = tolerations
            .iter()
            .filter(|one| taints::tolerates(one, taint))
            .collect();
        if matching.is_empty() {
            return Fate::Goes;
        }
        let Some(seconds) = matching
            .iter()
            .filter_map(|one| one.toleration_seconds)
            .min()
        else {
            continue;
        };
        let since = taint.time_added.as_ref().map_or(now, |time| time.0);
        let end = since.as_second().saturating_add(seconds.max(0));
        let left = Duration::from_secs(u64::try_from(end - now.as_second()).unwrap_or(0));
        least = Some(least.map_or(left, |other| other.min(left)));
    }
    match least {
        None => Fate::Stays,
        Some(Duration::ZERO) => Fate::Goes,
        Some(wait) => Fate::GoesAfter(wait),
    }
}

#[async_trait]
impl Reconcile for TaintEviction {
    fn name(&self) -> &'static str {
        NAME
    }

    /// The key is the pod.
    fn watch(&self, wiring: &Wiring) {
        wiring.on::<Pod>(|change| match (&change.old, &change.new) {
            (old, Some(new))
                if old
                    .as_ref()
                    .is_none_or(|old| node_of(old) != node_of(new) || old.spec != new.spec) =>
            {
                vec![Key::of(&new.metadata)]
            }
            _ => Vec::new(),
        });
        let pods = Arc::clone(&self.pods);
        wiring.on::<Node>(move |change| {
            let taints = |node: &Arc<Node>| {
                node.spec
                    .as_ref()
                    .and_then(|spec| spec.taints.clone())
                    .unwrap_or_default()
            };
            let (Some(new), old) = (&change.new, &change.old) else {
                return Vec::new();
            };
            let now = taints(new);
            if now.is_empty() || old.as_ref().is_some_and(|old| taints(old) == now) {
                return Vec::new();
            }
            let name = new.metadata.name.as_deref().unwrap_or_default();
            let there = pods.list().into_iter().filter(|pod| node_of(pod) == name);
            there.map(|pod| Key::of(&pod.metadata)).collect()
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(pod) = self
            .pods
            .get_key(key)
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        else {
            return Ok(Outcome::Done);
        };
        let Some(node) = self.nodes.get("", node_of(&pod)) else {
            return Ok(Outcome::Done);
        };
        let taints = node
            .spec
            .as_ref()
            .and_then(|spec| spec.taints.as_deref())
            .unwrap_or_default();
        match fate(&pod, taints, self.clock.now()) {
            Fate::Stays => Ok(Outcome::Done),
            Fate::GoesAfter(wait) => Ok(Outcome::After(wait)),
            Fate::Goes => {
                let message = format!("Marking for deletion Pod {key}");
                self.recorder
                    .normal(&reference(&*pod), "TaintManagerEviction", &message);
                let options = DeleteOptions {
                    uid: pod.metadata.uid.clone(),
                    ..DeleteOptions::default()
                };
                writes
                    .delete::<Pod>(&key.namespace, &key.name, &options)
                    .await?;
                Ok(Outcome::Done)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;
    use serde_json::{Value, json};

    fn check(tolerations: Value, expected: &Fate) {
        let pod = json!({"spec": {"containers": [], "nodeName": "n", "tolerations": tolerations}});
        let pod = Pod::decode(pod.to_string().as_bytes()).unwrap();
        let node = json!({"spec": {"taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": "1970-01-01T00:00:00Z"}]}});
        let node = Node::decode(node.to_string().as_bytes()).unwrap();
        let taints = node.spec.unwrap().taints.unwrap();
        let now = Timestamp::from_second(100).unwrap();
        assert_eq!(&fate(&pod, &taints, now), expected);
    }

    #[test]
    fn fates() {
        let tolerates = |seconds: Value| json!([{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}]);
        check(json!([]), &Fate::Goes);
        check(tolerates(Value::Null), &Fate::Stays);
        check(
            tolerates(json!(300)),
            &Fate::GoesAfter(Duration::from_secs(200)),
        );
        check(tolerates(json!(60)), &Fate::Goes);
    }
}
