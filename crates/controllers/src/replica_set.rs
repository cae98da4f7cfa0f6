//! Promise: as many pods of the template as the ReplicaSet asks for, no more and no fewer; pods that lost
//! their owner are adopted, pods that no longer match are let go. Upstream: replicaset-controller.

mod plan;
mod status;

use crate::{Context, owned_pods};
use async_trait::async_trait;
use client::Patch;
use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1::Pod};
use machinery::{owners, pods};
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Recorder, Wiring, Writes, reference};
use std::{sync::Arc, time::Duration};
use stdx::clock::Clock;

pub(crate) const NAME: &str = "replicaset-controller";

pub(crate) struct ReplicaSets {
    sets: Arc<Cache<ReplicaSet>>,
    pods: Arc<Cache<Pod>>,
    recorder: Recorder,
    clock: Clock,
}

impl ReplicaSets {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            sets: context.caches.of(),
            pods: context.caches.of(),
            recorder: context.recorder.named(NAME),
            clock: context.clock.clone(),
        }
    }

    async fn adopt_and_release(
        &self,
        set: &ReplicaSet,
        writes: &Writes,
    ) -> Result<Vec<Arc<Pod>>, Error> {
        let claims = plan::claim(set, &self.pods.list_in(namespace(set)));
        for pod in claims.release {
            let patch = Patch::Strategic(serde_json::json!({"metadata": {"ownerReferences":
                [{"$patch": "delete", "uid": set.metadata.uid}]}}));
            patch_pod(&pod, &patch, writes).await?;
        }
        let mut owned = claims.owned;
        for pod in claims.adopt {
            let owner = owners::controller_reference(set);
            let patch = Patch::Strategic(
                serde_json::json!({"metadata": {"uid": pod.metadata.uid, "ownerReferences": [owner]}}),
            );
            if patch_pod(&pod, &patch, writes).await? {
                owned.push(pod);
            }
        }
        Ok(owned)
    }

    async fn create(&self, set: &ReplicaSet, count: usize, writes: &Writes) -> Result<(), Error> {
        let pods = vec![plan::new_pod(set); count.min(owned_pods::BURST)];
        let (_, failure) = owned_pods::create(&reference(set), &pods, &self.recorder, writes).await;
        failure.map_or(Ok(()), Err)
    }
}

/// Patches a pod; false when it is gone.
async fn patch_pod(pod: &Pod, patch: &Patch, writes: &Writes) -> Result<bool, Error> {
    let key = Key::of(&pod.metadata);
    match writes
        .patch::<Pod>(&key.namespace, &key.name, "", patch)
        .await
    {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn namespace(set: &ReplicaSet) -> &str {
    set.metadata.namespace.as_deref().unwrap_or_default()
}

/// The sets that might adopt a pod.
fn candidates(sets: &Cache<ReplicaSet>, pod: &Pod) -> Vec<Key> {
    sets.list_in(pod.metadata.namespace.as_deref().unwrap_or_default())
        .iter()
        .filter(|set| plan::selects(set, pod))
        .map(|set| Key::of(&set.metadata))
        .collect()
}

#[async_trait]
impl Reconcile for ReplicaSets {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<ReplicaSet>();
        let sets = Arc::clone(&self.sets);
        wiring.on::<Pod>(move |change| {
            owned_pods::keys(change, "ReplicaSet", |pod| candidates(&sets, pod))
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(set) = self.sets.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let mut failure = None;
        let owned = if set.metadata.deletion_timestamp.is_none() {
            let owned = self.adopt_and_release(&set, writes).await?;
            let done = match plan::scale(&set, &owned) {
                plan::Scale::Keep => Ok(()),
                plan::Scale::Create(count) => self.create(&set, count, writes).await,
                plan::Scale::Delete(doomed) => {
                    owned_pods::delete(&reference(&*set), &doomed, &self.recorder, writes).await
                }
            };
            failure = done.err();
            owned
        } else {
            plan::claim(&set, &self.pods.list_in(&key.namespace)).owned
        };
        let now = self.clock.now();
        if let Some(status) =
            status::changed(&set, &owned, failure.as_ref().map(ToString::to_string), now)
        {
            let mut changed = (*set).clone();
            changed.status = Some(status);
            writes.update_status(&changed).await?;
        }
        match (failure, status::next_availability(&set, &owned, now)) {
            (Some(error), _) => Err(error),
            (None, Some(wait)) => Ok(Outcome::After(wait + Duration::from_millis(1))),
            (None, None) => Ok(Outcome::Done),
        }
    }
}

/// Pods that count towards the replicas: neither finished nor on their way out.
fn is_active(pod: &Pod) -> bool {
    !pods::is_terminal(pod) && pod.metadata.deletion_timestamp.is_none()
}
