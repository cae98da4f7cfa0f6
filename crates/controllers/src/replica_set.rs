//! Promise: as many pods of the template as the ReplicaSet asks for, no more and no fewer; pods that lost
//! their owner are adopted, pods that no longer match are let go. Upstream: replicaset-controller.

mod plan;
mod status;

use crate::Context;
use async_trait::async_trait;
use client::{DeleteOptions, Patch};
use futures::{StreamExt, stream};
use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1::Pod};
use machinery::{owners, pods};
use reconcile::{
    Cache, Change, Error, Key, Outcome, Reconcile, Recorder, Wiring, Writes, reference,
};
use std::{sync::Arc, time::Duration};
use stdx::clock::Clock;

pub(crate) const NAME: &str = "replicaset-controller";
/// Pods created or deleted in one round at most, as upstream.
const BURST: usize = 500;
/// Requests of one reconcile under way at once.
const PARALLEL: usize = 16;

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
        let pod = plan::new_pod(set);
        // Slow start, so that a template that cannot be created fails once and not a thousand times.
        let (mut left, mut batch) = (count.min(BURST), 1);
        while left > 0 {
            let results: Vec<_> = stream::iter(0..batch.min(left))
                .map(|_| writes.create(&pod))
                .buffer_unordered(PARALLEL)
                .collect()
                .await;
            for result in results {
                match result {
                    Ok(created) => {
                        let name = created.metadata.name.unwrap_or_default();
                        self.recorder.normal(
                            &reference(set),
                            "SuccessfulCreate",
                            &format!("Created pod: {name}"),
                        );
                    }
                    // A namespace that ends refuses new pods: nothing to tell anybody.
                    Err(error) if error.to_string().contains("because it is being terminated") => {
                        return Ok(());
                    }
                    Err(error) => {
                        self.recorder.warning(
                            &reference(set),
                            "FailedCreate",
                            &format!("Error creating: {error}"),
                        );
                        return Err(error.into());
                    }
                }
            }
            left -= batch.min(left);
            batch *= 2;
        }
        Ok(())
    }

    async fn delete(
        &self,
        set: &ReplicaSet,
        doomed: Vec<Arc<Pod>>,
        writes: &Writes,
    ) -> Result<(), Error> {
        let deletions = doomed.into_iter().take(BURST).map(|pod| async move {
            let name = pod.metadata.name.clone().unwrap_or_default();
            let options = DeleteOptions {
                uid: pod.metadata.uid.clone(),
                ..DeleteOptions::default()
            };
            (
                writes.delete::<Pod>(namespace(set), &name, &options).await,
                name,
            )
        });
        let mut deletions = stream::iter(deletions).buffer_unordered(PARALLEL);
        while let Some((result, name)) = deletions.next().await {
            if let Err(error) = result {
                self.recorder.warning(
                    &reference(set),
                    "FailedDelete",
                    &format!("Error deleting: {error}"),
                );
                return Err(error.into());
            }
            self.recorder.normal(
                &reference(set),
                "SuccessfulDelete",
                &format!("Deleted pod: {name}"),
            );
        }
        Ok(())
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

/// The sets that a pod's change matters to: its controller's, or those that might adopt it.
fn sets_of(sets: &Cache<ReplicaSet>, change: &Change<Pod>) -> Vec<Key> {
    let mut keys = Vec::new();
    for pod in [&change.old, &change.new].into_iter().flatten() {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        match owners::controller_of(&pod.metadata) {
            Some(owner) if owner.kind == "ReplicaSet" => {
                keys.push(Key::new(namespace, &owner.name))
            }
            Some(_) => {}
            None => keys.extend(
                sets.list_in(namespace)
                    .iter()
                    .filter(|set| plan::selects(set, pod))
                    .map(|set| Key::of(&set.metadata)),
            ),
        }
    }
    keys.dedup();
    keys
}

#[async_trait]
impl Reconcile for ReplicaSets {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<ReplicaSet>();
        let sets = Arc::clone(&self.sets);
        wiring.on::<Pod>(move |change| sets_of(&sets, change));
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
                plan::Scale::Delete(doomed) => self.delete(&set, doomed, writes).await,
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
