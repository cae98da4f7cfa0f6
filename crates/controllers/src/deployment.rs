//! Promise: a Deployment's newest template runs with as many pods as it asks for, reached from any earlier
//! state within its strategy's bounds. Upstream: deployment-controller.

mod conditions;
mod history;
mod plan;
mod rollout;

use crate::Context;
use async_trait::async_trait;
use client::{DeleteOptions, Patch};
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::Pod,
};
use machinery::{labels::Selector, owners};
use plan::Step;
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Recorder, Wiring, Writes, reference};
use std::sync::Arc;
use stdx::clock::Clock;

pub(crate) const NAME: &str = "deployment-controller";

pub(crate) struct Deployments {
    deployments: Arc<Cache<Deployment>>,
    sets: Arc<Cache<ReplicaSet>>,
    pods: Arc<Cache<Pod>>,
    recorder: Recorder,
    clock: Clock,
}

impl Deployments {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            deployments: context.caches.of(),
            sets: context.caches.of(),
            pods: context.caches.of(),
            recorder: context.recorder.named(NAME),
            clock: context.clock.clone(),
        }
    }

    /// The ReplicaSets of a deployment; orphans that its selector selects are adopted first.
    async fn observe(
        &self,
        deployment: &Deployment,
        writes: &Writes,
    ) -> Result<Vec<Arc<ReplicaSet>>, Error> {
        let key = Key::of(&deployment.metadata);
        let uid = deployment.metadata.uid.as_deref().unwrap_or_default();
        let selector = deployment
            .spec
            .as_ref()
            .and_then(|spec| Selector::from_typed(Some(&spec.selector)).ok())
            .unwrap_or_else(Selector::nothing);
        let mut owned = Vec::new();
        for set in self.sets.list_in(&key.namespace) {
            let selected = selector.matches(set.metadata.labels.as_ref());
            let name = set.metadata.name.as_deref().unwrap_or_default();
            let ending = deployment.metadata.deletion_timestamp.is_some()
                || set.metadata.deletion_timestamp.is_some();
            match owners::controller_of(&set.metadata) {
                Some(owner) if owner.uid != uid => {}
                Some(_) if selected => owned.push(set),
                Some(_) if !ending => {
                    let patch = Patch::Strategic(
                        serde_json::json!({"metadata": {"ownerReferences": [{"$patch": "delete", "uid": uid}]}}),
                    );
                    writes
                        .patch::<ReplicaSet>(&key.namespace, name, "", &patch)
                        .await?;
                }
                None if selected && !ending => {
                    let owner = owners::controller_reference(deployment);
                    let patch = Patch::Strategic(
                        serde_json::json!({"metadata": {"uid": set.metadata.uid, "ownerReferences": [owner]}}),
                    );
                    owned.push(Arc::new(
                        writes.patch(&key.namespace, name, "", &patch).await?,
                    ));
                }
                _ => {}
            }
        }
        Ok(owned)
    }

    /// How many pods of older sets still exist, in any state: `Recreate` waits for them.
    fn old_pods(&self, namespace: &str, sets: &[Arc<ReplicaSet>], newest: Option<&str>) -> usize {
        let old: Vec<_> = sets
            .iter()
            .filter_map(|set| set.metadata.uid.as_deref())
            .filter(|uid| Some(*uid) != newest)
            .collect();
        self.pods
            .list_in(namespace)
            .iter()
            .filter(|pod| !machinery::pods::is_terminal(pod))
            .filter(|pod| {
                owners::controller_of(&pod.metadata)
                    .is_some_and(|owner| old.contains(&owner.uid.as_str()))
            })
            .count()
    }

    async fn apply(
        &self,
        deployment: &Deployment,
        step: Step,
        writes: &Writes,
    ) -> Result<(), Error> {
        let namespace = deployment.metadata.namespace.as_deref().unwrap_or_default();
        match step {
            Step::Create(set) => self.create(deployment, *set, writes).await,
            Step::Update { set, scaled_from } => {
                let set = writes.update(&*set).await?;
                if let Some(from) = scaled_from {
                    self.tell_scaled(deployment, &set, from);
                }
                Ok(())
            }
            Step::Delete(name) => Ok(writes
                .delete::<ReplicaSet>(namespace, &name, &DeleteOptions::default())
                .await?),
            Step::Annotate(changed) => {
                writes.update(&*changed).await?;
                Ok(())
            }
            Step::Status(changed) => {
                writes.update_status(&*changed).await?;
                Ok(())
            }
        }
    }

    async fn create(
        &self,
        deployment: &Deployment,
        set: ReplicaSet,
        writes: &Writes,
    ) -> Result<(), Error> {
        match writes.create(&set).await {
            Ok(created) => {
                if created.spec.as_ref().and_then(|spec| spec.replicas) > Some(0) {
                    self.tell_scaled(deployment, &created, 0);
                }
                Ok(())
            }
            Err(error) if error.is_already_exists() => {
                self.name_taken(deployment, &set, writes).await
            }
            Err(error) => {
                let name = set.metadata.name.as_deref().unwrap_or_default();
                let message = format!("Failed to create new replica set {name:?}: {error}");
                self.recorder
                    .warning(&reference(deployment), "ReplicaSetCreateError", &message);
                Err(error.into())
            }
        }
    }

    /// The name of a new set is taken: by the same set that the cache has yet to show, or by another
    /// whose template has the same hash. The latter counts a collision, which changes the next hash.
    async fn name_taken(
        &self,
        deployment: &Deployment,
        set: &ReplicaSet,
        writes: &Writes,
    ) -> Result<(), Error> {
        let name = set.metadata.name.as_deref().unwrap_or_default();
        let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
        let found: ReplicaSet = writes.client().get(namespace, name).await?;
        let ours = owners::is_controlled_by(
            &found.metadata,
            deployment.metadata.uid.as_deref().unwrap_or_default(),
        );
        if ours && history::same_template(deployment, &found) {
            return Ok(());
        }
        let mut changed = deployment.clone();
        let count = changed
            .status
            .get_or_insert_default()
            .collision_count
            .get_or_insert(0);
        *count += 1;
        writes.update_status(&changed).await?;
        Ok(())
    }

    fn tell_scaled(&self, deployment: &Deployment, set: &ReplicaSet, from: i32) {
        let to = plan::replicas(set);
        let direction = if to > from { "up" } else { "down" };
        let name = set.metadata.name.as_deref().unwrap_or_default();
        let message = format!("Scaled {direction} replica set {name} from {from} to {to}");
        self.recorder
            .normal(&reference(deployment), "ScalingReplicaSet", &message);
    }
}

#[async_trait]
impl Reconcile for Deployments {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<Deployment>();
        let deployments = Arc::clone(&self.deployments);
        wiring.on::<ReplicaSet>(move |change| {
            let Some(set) = change.latest() else {
                return Vec::new();
            };
            let namespace = set.metadata.namespace.as_deref().unwrap_or_default();
            match owners::controller_of(&set.metadata) {
                Some(owner) if owner.kind == "Deployment" => vec![Key::new(namespace, &owner.name)],
                Some(_) => Vec::new(),
                None => deployments
                    .list_in(namespace)
                    .iter()
                    .map(|it| Key::of(&it.metadata))
                    .collect(),
            }
        });
        // A Recreate deployment goes on when the last old pod is gone.
        let sets = Arc::clone(&self.sets);
        wiring.on::<Pod>(move |change| {
            let Some(gone) = change.old.as_ref().filter(|_| change.new.is_none()) else {
                return Vec::new();
            };
            let namespace = gone.metadata.namespace.as_deref().unwrap_or_default();
            owners::controller_of(&gone.metadata)
                .filter(|owner| owner.kind == "ReplicaSet")
                .and_then(|owner| sets.get(namespace, &owner.name))
                .and_then(|set| {
                    owners::controller_of(&set.metadata)
                        .map(|owner| Key::new(namespace, &owner.name))
                })
                .into_iter()
                .collect()
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(deployment) = self.deployments.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let sets = self.observe(&deployment, writes).await?;
        let newest =
            history::newest(&deployment, &sets).and_then(|set| set.metadata.uid.as_deref());
        let facts = plan::Facts {
            old_pods: self.old_pods(&key.namespace, &sets, newest),
            deployment: &deployment,
            sets: &sets,
            now: self.clock.now(),
        };
        let plan = plan::plan(&facts);
        for step in plan.steps {
            self.apply(&deployment, step, writes).await?;
        }
        Ok(plan.look_again.map_or(Outcome::Done, Outcome::After))
    }
}
