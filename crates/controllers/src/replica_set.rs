//! Promise: as many pods of the template as the ReplicaSet asks for, no more and no fewer; pods that lost
//! their owner are adopted, pods that no longer match are let go. Upstream: replicaset-controller. A
//! ReplicationController is kept by the same plan, seen as a ReplicaSet.

mod plan;
mod status;

use crate::{
    Context,
    owned_pods::{self, Claim},
};
use api::Object;
use async_trait::async_trait;
use k8s_openapi::api::{
    apps::v1::{ReplicaSet, ReplicaSetStatus},
    core::v1::Pod,
};
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Recorder, Wiring, Writes, reference};
use std::{sync::Arc, time::Duration};
use stdx::clock::Clock;

pub(crate) const NAME: &str = ReplicaSet::CONTROLLER;

/// A kind that keeps a number of pods of one template.
pub(crate) trait Replicated: Object {
    /// The controller's name.
    const CONTROLLER: &'static str;
    /// Who its events say they are from.
    const COMPONENT: &'static str;

    /// The object as a ReplicaSet.
    fn as_set(object: &Arc<Self>) -> Arc<ReplicaSet>;

    /// Takes over what its pods add up to.
    fn set_status(&mut self, status: ReplicaSetStatus);
}

impl Replicated for ReplicaSet {
    const CONTROLLER: &'static str = "replicaset-controller";
    const COMPONENT: &'static str = "replicaset-controller";

    fn as_set(object: &Arc<Self>) -> Arc<ReplicaSet> {
        Arc::clone(object)
    }

    fn set_status(&mut self, status: ReplicaSetStatus) {
        self.status = Some(status);
    }
}

/// The controller of one such kind.
pub(crate) struct ReplicaSets<T> {
    owners: Arc<Cache<T>>,
    pods: Arc<Cache<Pod>>,
    recorder: Recorder,
    clock: Clock,
}

impl<T: Replicated> ReplicaSets<T> {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            owners: context.caches.of(),
            pods: context.caches.of(),
            recorder: context.recorder.named(T::COMPONENT),
            clock: context.clock.clone(),
        }
    }

    async fn scale(
        &self,
        owner: &T,
        set: &ReplicaSet,
        owned: &[Arc<Pod>],
        writes: &Writes,
    ) -> Result<(), Error> {
        let about = reference(owner);
        match plan::scale(set, owned) {
            plan::Scale::Keep => Ok(()),
            plan::Scale::Create(count) => {
                let pod = owned_pods::from_template(owner, &plan::template(set));
                let pods = vec![pod; count.min(owned_pods::BURST)];
                let (_, failure) = owned_pods::create(&about, &pods, &self.recorder, writes).await;
                failure.map_or(Ok(()), Err)
            }
            plan::Scale::Delete(doomed) => {
                owned_pods::delete(&about, &doomed, &self.recorder, writes).await
            }
        }
    }
}

/// The owners that might adopt a pod.
fn candidates<T: Replicated>(owners: &Cache<T>, pod: &Pod) -> Vec<Key> {
    owners
        .list_in(pod.metadata.namespace.as_deref().unwrap_or_default())
        .iter()
        .map(T::as_set)
        .filter(|set| {
            plan::selector(set).is_some_and(|it| it.matches(pod.metadata.labels.as_ref()))
        })
        .map(|set| Key::of(&set.metadata))
        .collect()
}

#[async_trait]
impl<T: Replicated> Reconcile for ReplicaSets<T> {
    fn name(&self) -> &'static str {
        T::CONTROLLER
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<T>();
        let owners = Arc::clone(&self.owners);
        wiring.on::<Pod>(move |change| {
            owned_pods::keys(change, T::KIND, |pod| candidates(&owners, pod))
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(owner) = self.owners.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let set = T::as_set(&owner);
        let Some(selector) = plan::selector(&set) else {
            return Ok(Outcome::Done);
        };
        let claim = Claim {
            selector: &selector,
            fits: &|_| true,
            finalizer: None,
        };
        let owned = claim.pods(&*owner, &self.pods, writes).await?;
        let failure = if set.metadata.deletion_timestamp.is_none() {
            self.scale(&owner, &set, &owned, writes).await.err()
        } else {
            None
        };
        let now = self.clock.now();
        let mut changed = (*owner).clone();
        let message = failure.as_ref().map(ToString::to_string);
        changed.set_status(status::of(&set, &owned, message, now));
        if changed != *owner {
            writes.update_status(&changed).await?;
        }
        match (failure, status::next_availability(&set, &owned, now)) {
            (Some(error), _) => Err(error),
            (None, Some(wait)) => Ok(Outcome::After(wait + Duration::from_millis(1))),
            (None, None) => Ok(Outcome::Done),
        }
    }
}
