//! The loop around the cycle: takes pods from the queue, places them in the snapshot at once, and binds them in the
//! background; there it also tells those that fit nowhere, and has others leave for them, so that the loop waits for
//! no answer of the API (upstream: `SchedulerAsyncPreemption`).

mod room;

use crate::{
    cycle,
    diagnosis::Diagnosis,
    plugins::Event,
    pod::PodInfo,
    preemption::{self, Outcome},
    queue::Queue,
    snapshot::{self, Snapshot},
};
use client::{Client, Patch};
use k8s_openapi::api::{
    core::v1::{Binding, Node, ObjectReference, Pod},
    policy::v1::PodDisruptionBudget,
};
use machinery::pods;
use parking_lot::Mutex;
use reconcile::{Cache, Caches, Change, Key, Recorder, reference};
use std::sync::Arc;
use stdx::{clock::Clock, random::Random, tasks::Tasks};
use tokio::sync::Semaphore;

/// The name pods ask for in `schedulerName`.
const NAME: &str = "default-scheduler";

/// Bindings and refusals under way at once.
const BACKGROUND_LIMIT: usize = 64;

/// The scheduler's state.
pub struct Scheduler {
    client: Client,
    recorder: Recorder,
    clock: Clock,
    random: Random,
    pods: Arc<Cache<Pod>>,
    budgets: Arc<Cache<PodDisruptionBudget>>,
    snapshot: Mutex<Snapshot>,
    queue: Queue,
    background: Arc<Semaphore>,
}

/// Runs the scheduler on `tasks`.
pub fn run(caches: &Caches, recorder: Recorder, clock: Clock, random: Random, tasks: &Tasks) {
    let scheduler = Arc::new(Scheduler {
        client: caches.client().named("kube-scheduler"),
        recorder,
        clock,
        random,
        pods: caches.of::<Pod>(),
        budgets: caches.of::<PodDisruptionBudget>(),
        snapshot: Mutex::default(),
        queue: Queue::default(),
        background: Arc::new(Semaphore::new(BACKGROUND_LIMIT)),
    });
    let nodes = caches.of::<Node>();
    let (on_node, on_pod) = (Arc::downgrade(&scheduler), Arc::downgrade(&scheduler));
    nodes.on_change(move |change| {
        if let Some(scheduler) = on_node.upgrade() {
            scheduler.see_node(change);
        }
    });
    scheduler.pods.on_change(move |change| {
        if let Some(scheduler) = on_pod.upgrade() {
            scheduler.see_pod(change);
        }
    });
    let group = tasks.clone();
    tasks.spawn("scheduler", async move {
        nodes.synced().await;
        scheduler.pods.synced().await;
        scheduler.budgets.synced().await;
        loop {
            let key = scheduler.queue.next().await;
            scheduler.schedule(&key, &group).await;
        }
    });
}

/// What is done should a task panic, so that no pod waits for what nobody does any more.
struct Rescue<F: FnMut()>(F);

impl<F: FnMut()> Drop for Rescue<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)();
        }
    }
}

impl Scheduler {
    fn see_node(&self, change: &Change<Node>) {
        self.snapshot.lock().see_node(change);
        if change.new.is_some() && matters(change) {
            self.queue.happened(Event::Node);
        }
    }

    fn see_pod(&self, change: &Change<Pod>) {
        self.snapshot.lock().see_pod(change);
        let Some(latest) = change.latest() else {
            return;
        };
        let key = Key::of(&latest.metadata);
        match &change.new {
            Some(pod) if wants_a_node(pod) => {
                let spec_changed = change.old.as_ref().is_none_or(|old| {
                    old.spec != pod.spec
                        || old.metadata.labels != pod.metadata.labels
                        || !wants_a_node(old)
                });
                if spec_changed {
                    self.queue.add(key, priority(pod));
                }
            }
            Some(pod) => {
                self.queue.remove(&key);
                if pods::is_terminal(pod) {
                    self.queue.happened(Event::PodRemoved);
                } else if change.old.as_ref().is_none_or(|old| wants_a_node(old)) {
                    self.queue.happened(Event::PodPlaced);
                }
            }
            None => {
                self.queue.remove(&key);
                self.queue.happened(Event::PodRemoved);
            }
        }
    }

    async fn schedule(self: &Arc<Self>, key: &Key, tasks: &Tasks) {
        let Some(pod) = self.pods.get_key(key).filter(|pod| wants_a_node(pod)) else {
            self.queue.remove(key);
            return;
        };
        let info = PodInfo::new(Arc::clone(&pod));
        let found = {
            let mut snapshot = self.snapshot.lock();
            match cycle::find(&info, &mut snapshot, &self.random) {
                Ok(node) => {
                    snapshot.place(info.placed(&node));
                    Ok(node)
                }
                Err(diagnosis) => {
                    self.queue.refuse(key, diagnosis.plugins.clone());
                    Err(self.make_room(&info, diagnosis, &mut snapshot))
                }
            }
        };
        // Acquiring fails only when the semaphore is closed, which nothing does.
        let Ok(permit) = Arc::clone(&self.background).acquire_owned().await else {
            return;
        };
        let (scheduler, key) = (Arc::clone(self), key.clone());
        tasks.spawn("scheduling", async move {
            let _rescue = Rescue(|| {
                scheduler.snapshot.lock().displace(&key);
                scheduler.queue.retry(&key);
            });
            match found {
                Ok(node) => scheduler.bind(&key, &pod, &node).await,
                Err((diagnosis, outcome)) => {
                    scheduler
                        .refuse(&key, &pod, &diagnosis, outcome.as_ref())
                        .await;
                    if let Some(Outcome::Room(room)) = outcome {
                        scheduler.evict(&info, room).await;
                    }
                    scheduler.queue.settle(&key);
                }
            }
            drop(permit);
        });
    }

    async fn bind(&self, key: &Key, pod: &Pod, node: &str) {
        let mut binding = Binding::default();
        binding.metadata.name.clone_from(&pod.metadata.name);
        binding
            .metadata
            .namespace
            .clone_from(&pod.metadata.namespace);
        binding.metadata.uid.clone_from(&pod.metadata.uid);
        binding.target = ObjectReference {
            kind: Some("Node".to_owned()),
            name: Some(node.to_owned()),
            ..ObjectReference::default()
        };
        let posted = self
            .client
            .post_to::<Pod, Binding>(&key.namespace, &key.name, "binding", &binding)
            .await;
        match posted {
            Ok(_) => {
                let message = format!("Successfully assigned {key} to {node}");
                let about = reference(pod);
                self.recorder
                    .action(&about, "Normal", "Scheduled", "Binding", &message);
            }
            Err(error) => {
                self.snapshot.lock().displace(key);
                if !error.is_not_found() {
                    let message = format!("binding rejected: {error}");
                    self.failed(pod, "Binding", &message);
                    self.queue.retry(key);
                }
            }
        }
    }

    fn failed(&self, pod: &Pod, action: &str, message: &str) {
        let about = reference(pod);
        self.recorder
            .action(&about, "Warning", "FailedScheduling", action, message);
    }

    /// Says in the pod's status and an event why it has no node, and where room is made for it.
    async fn refuse(&self, key: &Key, pod: &Pod, diagnosis: &Diagnosis, outcome: Option<&Outcome>) {
        let message = diagnosis.message();
        self.failed(pod, "Scheduling", &message);
        let nominated = snapshot::nominated(pod);
        let nominee = match outcome {
            Some(Outcome::Room(room)) => Some(room.node.as_str()),
            Some(Outcome::Refused {
                withdraws: true, ..
            }) => None,
            _ => nominated,
        };
        if already_says(pod, &message) && nominee == nominated {
            return;
        }
        let condition = serde_json::json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
            "lastTransitionTime": stdx::clock::whole_seconds(self.clock.now()).to_string(),
            "observedGeneration": pod.metadata.generation,
        });
        let mut status = serde_json::json!({ "conditions": [condition] });
        if nominee != nominated {
            status["nominatedNodeName"] = nominee.into();
        }
        let patch = Patch::Strategic(serde_json::json!({ "status": status }));
        let patched = self
            .client
            .patch::<Pod>(&key.namespace, &key.name, "status", &patch)
            .await;
        if let Err(error) = patched {
            tracing::debug!(%key, %error, "the PodScheduled condition could not be written");
        }
    }
}

/// Whether a change of a node could matter to scheduling; heartbeats do not.
fn matters(change: &Change<Node>) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else {
        return true;
    };
    let allocatable = |node: &Node| {
        node.status
            .as_ref()
            .and_then(|status| status.allocatable.clone())
    };
    old.spec != new.spec
        || old.metadata.labels != new.metadata.labels
        || allocatable(old) != allocatable(new)
}

fn already_says(pod: &Pod, message: &str) -> bool {
    pod.status
        .as_ref()
        .and_then(|status| status.conditions.as_ref())
        .into_iter()
        .flatten()
        .any(|condition| {
            condition.type_ == "PodScheduled" && condition.message.as_deref() == Some(message)
        })
}

/// A pod of this scheduler that has no node, is not ending, and is not held by a scheduling gate.
fn wants_a_node(pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let placed = spec
        .node_name
        .as_deref()
        .is_some_and(|node| !node.is_empty());
    let gated = spec
        .scheduling_gates
        .as_deref()
        .is_some_and(|gates| !gates.is_empty());
    !placed
        && !gated
        && spec.scheduler_name.as_deref().unwrap_or(NAME) == NAME
        && pod.metadata.deletion_timestamp.is_none()
        && !pods::is_terminal(pod)
}

fn priority(pod: &Pod) -> i32 {
    pod.spec
        .as_ref()
        .and_then(|spec| spec.priority)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pod_is_tried_again_after_a_panic() {
        let queue = Arc::new(Queue::default());
        let key = Key::new("default", "a");
        queue.add(key.clone(), 0);
        assert_eq!(queue.next().await, key);
        queue.refuse(&key, vec!["NodeName"]);
        let (tasks, rescued) = (Tasks::new(), Arc::clone(&queue));
        let held = key.clone();
        tasks.spawn("scheduling", async move {
            let _rescue = Rescue(|| rescued.retry(&held));
            tokio::task::yield_now().await;
            panic!("on purpose");
        });
        assert_eq!(queue.next().await, key);
        assert!(tasks.has_failed());
    }
}
