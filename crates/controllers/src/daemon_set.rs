//! Promise: every node that a DaemonSet's pods may run on has one pod of its newest template, reached within
//! the bounds of its update strategy. Upstream: daemonset-controller.

mod plan;
mod pod;
mod status;
#[cfg(test)]
mod tests;

use crate::{Context, controller_revisions, owned_pods};
use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::{ControllerRevision, DaemonSet},
    core::v1::{Node, Pod},
};
use machinery::{labels::Selector, pods};
use parking_lot::Mutex;
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Recorder, Wiring, Writes, reference};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use stdx::{backoff::Backoff, clock::Clock};

pub(crate) const NAME: &str = "daemonset-controller";
/// How long failed pods of one node wait for their end, longer each time.
const FAILED: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(15 * 60));

pub(crate) struct DaemonSets {
    sets: Arc<Cache<DaemonSet>>,
    pods: Arc<Cache<Pod>>,
    nodes: Arc<Cache<Node>>,
    revisions: Arc<Cache<ControllerRevision>>,
    /// Set's UID and node to how often a pod has failed there, and when last. An entry goes with its
    /// set or after twice the longest wait, so there are never more than sets times nodes.
    failures: Mutex<HashMap<(String, String), (u32, Timestamp)>>,
    recorder: Recorder,
    clock: Clock,
}

impl DaemonSets {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            sets: context.caches.of(),
            pods: context.caches.of(),
            nodes: context.caches.of(),
            revisions: context.caches.of(),
            failures: Mutex::default(),
            recorder: context.recorder.named(NAME),
            clock: context.clock.clone(),
        }
    }

    /// How long the nodes of a set are still to wait after failures.
    fn waits(&self, uid: &str, now: Timestamp) -> HashMap<String, Duration> {
        let mut failures = self.failures.lock();
        let since = |at: Timestamp| Duration::try_from(now.duration_since(at)).unwrap_or_default();
        failures.retain(|_, (_, last)| since(*last) < 2 * FAILED.ceiling);
        let own = failures.iter().filter(|((owner, _), _)| owner == uid);
        own.filter_map(|((_, node), (count, last))| {
            let left = FAILED
                .delay(count.saturating_sub(1))
                .checked_sub(since(*last))?;
            (!left.is_zero()).then(|| (node.clone(), left))
        })
        .collect()
    }

    fn tell_finished(&self, set: &DaemonSet, finished: &[(Arc<Pod>, String)], now: Timestamp) {
        let uid = set.metadata.uid.clone().unwrap_or_default();
        for (pod, node) in finished {
            let name = pods::key(pod);
            if pods::phase(pod) == "Failed" {
                let mut failures = self.failures.lock();
                let entry = failures
                    .entry((uid.clone(), node.clone()))
                    .or_insert((0, now));
                *entry = (entry.0.saturating_add(1), now);
                let message =
                    format!("Found failed daemon pod {name} on node {node}, will try to kill it");
                self.recorder
                    .warning(&reference(set), "FailedDaemonPod", &message);
            } else {
                let message = format!(
                    "Found succeeded daemon pod {name} on node {node}, will try to delete it"
                );
                self.recorder
                    .normal(&reference(set), "SucceededDaemonPod", &message);
            }
        }
    }

    async fn apply(
        &self,
        facts: &plan::Facts<'_>,
        plan: &plan::Plan,
        writes: &Writes,
    ) -> Result<(), Error> {
        let about = reference(facts.set);
        self.tell_finished(facts.set, &plan.finished, facts.now);
        let new: Vec<_> = plan
            .create
            .iter()
            .map(|node| pod::new_pod(facts.set, facts.hash, node))
            .collect();
        let (_, failure) = owned_pods::create(&about, &new, &self.recorder, writes).await;
        owned_pods::delete(&about, &plan.delete, &self.recorder, writes).await?;
        failure.map_or(Ok(()), Err)
    }
}

fn sets_of(sets: &Cache<DaemonSet>, pod: &Pod) -> Vec<Key> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let selects = |set: &DaemonSet| selector(set).matches(pod.metadata.labels.as_ref());
    let sets = sets.list_in(namespace).into_iter();
    sets.filter(|set| selects(set))
        .map(|set| Key::of(&set.metadata))
        .collect()
}

fn selector(set: &DaemonSet) -> Selector {
    owned_pods::selector(set.spec.as_ref().map(|it| &it.selector))
}

/// Whether a change of a node can matter: heartbeats do not.
fn node_matters(change: &reconcile::Change<Node>) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else {
        return true;
    };
    old.metadata.labels != new.metadata.labels
        || old.spec.as_ref().and_then(|it| it.taints.as_ref())
            != new.spec.as_ref().and_then(|it| it.taints.as_ref())
}

#[async_trait]
impl Reconcile for DaemonSets {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<DaemonSet>();
        let sets = Arc::clone(&self.sets);
        wiring.on::<Pod>(move |change| {
            owned_pods::keys(change, "DaemonSet", |pod| sets_of(&sets, pod))
        });
        let sets = Arc::clone(&self.sets);
        wiring.on::<Node>(move |change| match node_matters(change) {
            true => sets
                .list()
                .iter()
                .map(|set| Key::of(&set.metadata))
                .collect(),
            false => Vec::new(),
        });
        wiring.on_owned::<ControllerRevision, DaemonSet>();
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(set) = self.sets.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let Some(spec) = set.spec.as_ref() else {
            return Ok(Outcome::Done);
        };
        if set.metadata.deletion_timestamp.is_some() {
            return Ok(Outcome::Done);
        }
        let collisions = set.status.as_ref().and_then(|it| it.collision_count);
        let revisions = &self.revisions;
        let history =
            controller_revisions::observe(&*set, &spec.template, collisions, revisions, writes)
                .await?;
        let selector = selector(&set);
        let claim = owned_pods::Claim {
            selector: &selector,
            fits: &|_| true,
            finalizer: None,
        };
        let owned = claim.pods(&*set, &self.pods, writes).await?;
        let now = self.clock.now();
        let facts = plan::Facts {
            set: &set,
            hash: controller_revisions::hash_of(&history.current.metadata),
            nodes: &self.nodes.list(),
            pods: &owned,
            waits: &self.waits(set.metadata.uid.as_deref().unwrap_or_default(), now),
            now,
        };
        let plan = plan::plan(&facts);
        let applied = self.apply(&facts, &plan, writes).await;
        let status = status::status(&facts, history.collisions);
        if set.status.as_ref() != Some(&status) {
            let mut changed = (*set).clone();
            changed.status = Some(status);
            writes.update_status(&changed).await?;
        }
        applied?;
        let hashes = owned
            .iter()
            .map(|pod| controller_revisions::hash_of(&pod.metadata));
        let live: BTreeSet<_> = hashes.map(str::to_owned).collect();
        controller_revisions::truncate(&history, &live, spec.revision_history_limit, writes)
            .await?;
        Ok(plan.look_again.map_or(Outcome::Done, Outcome::After))
    }
}
