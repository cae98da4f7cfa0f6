//! Promise: pods that nobody will ever finish do not stay: those of nodes that are gone, those that end
//! before they had a node, those that end on a node out of service, and the oldest of too many finished
//! ones. Upstream: pod-garbage-collector-controller.

use crate::Context;
use async_trait::async_trait;
use client::{DeleteOptions, Patch};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use machinery::{conditions, pods};
use parking_lot::Mutex;
use reconcile::{Cache, Change, Error, Key, Outcome, Reconcile, Wiring, Writes};
use std::{cmp::Reverse, collections::HashMap, sync::Arc, time::Duration};
use stdx::clock::Clock;

pub(crate) const NAME: &str = "pod-garbage-collector-controller";

/// Finished pods that may stay (upstream: `--terminated-pod-gc-threshold`).
const FINISHED_LIMIT: usize = 12_500;
/// How long a node may be missing before its pods count as orphans.
const QUARANTINE: SignedDuration = SignedDuration::from_secs(40);
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// A key is a pod, a node (without a namespace), or this: the finished pods as a whole.
const FINISHED: &str = "";

pub(crate) struct PodGarbageCollector {
    pods: Arc<Cache<Pod>>,
    nodes: Arc<Cache<Node>>,
    clock: Clock,
    /// Since when nodes that pods name have been missing; at most one entry for each such node.
    missing: Mutex<HashMap<String, Timestamp>>,
}

impl PodGarbageCollector {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            pods: context.caches.of(),
            nodes: context.caches.of(),
            clock: context.clock.clone(),
            missing: Mutex::default(),
        }
    }

    async fn orphans(&self, node: &str, writes: &Writes) -> Result<Outcome, Error> {
        let is_there = self.nodes.get("", node).is_some();
        let all = if is_there {
            Vec::new()
        } else {
            self.pods.list()
        };
        let orphans: Vec<_> = all.into_iter().filter(|pod| node_of(pod) == node).collect();
        if orphans.is_empty() {
            self.missing.lock().remove(node);
            return Ok(Outcome::Done);
        }
        let now = self.clock.now();
        let since = *self.missing.lock().entry(node.to_owned()).or_insert(now);
        let left = QUARANTINE - now.duration_since(since);
        if let Ok(left) = Duration::try_from(left)
            && !left.is_zero()
        {
            return Ok(Outcome::After(left));
        }
        // The cache may be behind: only the server's word is good enough.
        match writes.client().get::<Node>("", node).await {
            Ok(_) => return Ok(Outcome::Done),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        for pod in orphans {
            let why = Some("PodGC: node no longer exists");
            self.remove(&pod, why, writes).await?;
        }
        self.missing.lock().remove(node);
        Ok(Outcome::Done)
    }

    /// Marks the pod as failed, so that whoever counts pods knows, and removes it at once.
    async fn remove(&self, pod: &Pod, why: Option<&str>, writes: &Writes) -> Result<(), Error> {
        let key = Key::of(&pod.metadata);
        if !pods::is_terminal(pod) {
            let mut status = serde_json::json!({ "phase": "Failed" });
            if let Some(message) = why {
                let now = stdx::clock::whole_seconds(self.clock.now());
                status["conditions"] = serde_json::json!([{
                    "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC", "message": message,
                    "lastTransitionTime": now.to_string(), "observedGeneration": pod.metadata.generation,
                }]);
            }
            let tree =
                serde_json::json!({ "metadata": { "uid": pod.metadata.uid }, "status": status });
            let patch = Patch::Strategic(tree);
            match writes
                .patch::<Pod>(&key.namespace, &key.name, "status", &patch)
                .await
            {
                Ok(_) => {}
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        let options = DeleteOptions {
            grace_seconds: Some(0),
            uid: pod.metadata.uid.clone(),
            ..DeleteOptions::default()
        };
        let deleted = writes.delete::<Pod>(&key.namespace, &key.name, &options);
        Ok(deleted.await?)
    }
}

fn node_of(pod: &Pod) -> &str {
    let node = pod.spec.as_ref().and_then(|it| it.node_name.as_deref());
    node.unwrap_or_default()
}

fn is_out_of_service(node: &Node) -> bool {
    let status = node.status.as_ref();
    let ready = conditions::is_true(status.and_then(|it| it.conditions.as_ref()), "Ready");
    let taints = node.spec.iter().flat_map(|it| it.taints.iter().flatten());
    !ready && taints.into_iter().any(|taint| taint.key == OUT_OF_SERVICE)
}

/// Whether nobody will finish a pod that is on its way out.
fn is_abandoned(pod: &Pod, node: Option<&Node>) -> bool {
    pods::is_terminating(pod) && (node_of(pod).is_empty() || node.is_some_and(is_out_of_service))
}

/// The finished pods beyond `limit`: evicted ones first, then the oldest.
fn excess(all: Vec<Arc<Pod>>, limit: usize) -> Vec<Arc<Pod>> {
    let mut finished: Vec<_> = all.into_iter().filter(|it| pods::is_terminal(it)).collect();
    let count = finished.len().saturating_sub(limit);
    if count == 0 {
        return Vec::new();
    }
    finished.sort_by_cached_key(|pod| {
        let reason = pod.status.as_ref().and_then(|it| it.reason.as_deref());
        let evicted = pods::phase(pod) == "Failed" && reason == Some("Evicted");
        let metadata = &pod.metadata;
        let created = metadata.creation_timestamp.as_ref().map(|it| it.0);
        (Reverse(evicted), created, metadata.name.clone())
    });
    finished.truncate(count);
    finished
}

/// What a pod's change asks to be looked at.
fn keys(change: &Change<Pod>) -> Vec<Key> {
    let (Some(pod), old) = (&change.new, change.old.as_ref()) else {
        return Vec::new();
    };
    let mut keys = Vec::new();
    if pods::is_terminating(pod) {
        keys.push(Key::of(&pod.metadata));
    }
    let node = node_of(pod);
    if !node.is_empty() && old.is_none_or(|it| node_of(it) != node) {
        keys.push(Key::new("", node));
    }
    if pods::is_terminal(pod) && !old.is_some_and(|it| pods::is_terminal(it)) {
        keys.push(Key::new("", FINISHED));
    }
    keys
}

#[async_trait]
impl Reconcile for PodGarbageCollector {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on::<Pod>(keys);
        let pods = Arc::clone(&self.pods);
        wiring.on::<Node>(move |change| match &change.new {
            None => change.old.iter().map(|it| Key::of(&it.metadata)).collect(),
            Some(node) if is_out_of_service(node) => {
                let name = node.metadata.name.as_deref().unwrap_or_default();
                let ending = |it: &Arc<Pod>| node_of(it) == name && pods::is_terminating(it);
                let there = pods.list().into_iter().filter(ending);
                there.map(|pod| Key::of(&pod.metadata)).collect()
            }
            Some(_) => Vec::new(),
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        if !key.namespace.is_empty() {
            let pod = self.pods.get_key(key);
            let pod =
                pod.filter(|pod| is_abandoned(pod, self.nodes.get("", node_of(pod)).as_deref()));
            if let Some(pod) = pod {
                self.remove(&pod, None, writes).await?;
            }
            return Ok(Outcome::Done);
        }
        if key.name != FINISHED {
            return self.orphans(&key.name, writes).await;
        }
        if self.pods.len() > FINISHED_LIMIT {
            for pod in excess(self.pods.list(), FINISHED_LIMIT) {
                self.remove(&pod, None, writes).await?;
            }
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;
    use serde_json::json;

    #[test]
    fn the_evicted_and_the_oldest_go_first() {
        let pod = |name: &str, minute: u32, phase: &str, reason: &str| {
            let tree = json!({"metadata": {"name": name, "creationTimestamp": format!("2026-01-01T00:{minute:02}:00Z")},
                "status": {"phase": phase, "reason": reason}});
            Arc::new(Pod::decode(tree.to_string().as_bytes()).unwrap())
        };
        let all = [
            pod("running", 0, "Running", ""),
            pod("late", 9, "Succeeded", ""),
            pod("b", 2, "Failed", ""),
            pod("a", 2, "Succeeded", ""),
            pod("evicted", 8, "Failed", "Evicted"),
        ];
        let names = |limit| {
            let gone = excess(all.to_vec(), limit);
            let names = gone.iter().map(|it| it.metadata.name.clone().unwrap());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(5), "");
        assert_eq!(names(4), "");
        assert_eq!(names(3), "evicted");
        assert_eq!(names(1), "evicted a b");
        assert_eq!(names(0), "evicted a b late");
    }

    #[test]
    fn who_is_abandoned() {
        let node = |ready: &str, taint: &str| {
            let tree = json!({"metadata": {"name": "n"}, "spec": {"taints": [{"key": taint, "effect": "NoExecute"}]},
                "status": {"conditions": [{"type": "Ready", "status": ready}]}});
            Node::decode(tree.to_string().as_bytes()).unwrap()
        };
        let pod = |node: &str, ending: bool| {
            let mut tree =
                json!({"metadata": {"name": "p"}, "spec": {"containers": [], "nodeName": node}});
            if ending {
                tree["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            }
            Pod::decode(tree.to_string().as_bytes()).unwrap()
        };
        let table = [
            ("", true, None, true),
            ("", false, None, false),
            ("n", true, None, false),
            ("n", true, Some(node("Unknown", OUT_OF_SERVICE)), true),
            ("n", false, Some(node("Unknown", OUT_OF_SERVICE)), false),
            ("n", true, Some(node("True", OUT_OF_SERVICE)), false),
            ("n", true, Some(node("Unknown", "other")), false),
        ];
        for (on, ending, node, gone) in table {
            let judged = is_abandoned(&pod(on, ending), node.as_ref());
            assert_eq!(judged, gone, "{on:?} {ending} {node:?}");
        }
    }
}
