//! Promise: the status of a PodDisruptionBudget says how many of its pods may be evicted now. Upstream:
//! disruption-controller.

mod plan;

use crate::{Context, owned_pods};
use async_trait::async_trait;
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet, StatefulSet},
    core::v1::{Pod, ReplicationController},
    policy::v1::PodDisruptionBudget,
};
use machinery::{labels::Selector, owners};
use reconcile::{
    Cache, Change, Error, Key, Outcome, Reconcile, Recorder, Wiring, Writes, reference,
};
use std::{collections::BTreeMap, sync::Arc};
use stdx::clock::Clock;

pub(crate) const NAME: &str = "disruption-controller";

pub(crate) struct Disruption {
    budgets: Arc<Cache<PodDisruptionBudget>>,
    pods: Arc<Cache<Pod>>,
    deployments: Arc<Cache<Deployment>>,
    replica_sets: Arc<Cache<ReplicaSet>>,
    stateful_sets: Arc<Cache<StatefulSet>>,
    replication_controllers: Arc<Cache<ReplicationController>>,
    recorder: Recorder,
    clock: Clock,
}

impl Disruption {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            budgets: context.caches.of(),
            pods: context.caches.of(),
            deployments: context.caches.of(),
            replica_sets: context.caches.of(),
            stateful_sets: context.caches.of(),
            replication_controllers: context.caches.of(),
            recorder: context.recorder.named(NAME),
            clock: context.clock.clone(),
        }
    }

    /// The UID and the replicas of what scales the pod.
    fn scale(&self, pod: &Pod) -> Option<(String, i32)> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let owner = owners::controller_of(&pod.metadata)?;
        let (uid, replicas) = match owner.kind.as_str() {
            "ReplicaSet" => {
                let set = self.replica_sets.get(namespace, &owner.name)?;
                let above = owners::controller_of(&set.metadata);
                match above.filter(|above| above.kind == "Deployment") {
                    Some(above) => {
                        let found = self.deployments.get(namespace, &above.name)?;
                        return Some((
                            above.uid.clone(),
                            found.spec.as_ref()?.replicas.unwrap_or(1),
                        ));
                    }
                    None => (set.metadata.uid.clone(), set.spec.as_ref()?.replicas),
                }
            }
            "StatefulSet" => {
                let set = self.stateful_sets.get(namespace, &owner.name)?;
                (set.metadata.uid.clone(), set.spec.as_ref()?.replicas)
            }
            "ReplicationController" => {
                let found = self.replication_controllers.get(namespace, &owner.name)?;
                (found.metadata.uid.clone(), found.spec.as_ref()?.replicas)
            }
            _ => return None,
        };
        (uid.as_ref() == Some(&owner.uid)).then(|| (owner.uid.clone(), replicas.unwrap_or(1)))
    }

    /// How many pods what controls them asks for, or why that cannot be said; and which pods nothing
    /// controls.
    fn expected(&self, pods: &[Arc<Pod>]) -> plan::Expected {
        let mut scales = BTreeMap::new();
        let mut unmanaged = Vec::new();
        for pod in pods {
            let name = pod.metadata.name.clone().unwrap_or_default();
            if owners::controller_of(&pod.metadata).is_none() {
                unmanaged.push(name);
                continue;
            }
            let Some((uid, replicas)) = self.scale(pod) else {
                let replicas = Err(format!("found no controllers for pod {name:?}"));
                return plan::Expected {
                    replicas,
                    unmanaged,
                };
            };
            scales.insert(uid, replicas);
        }
        plan::Expected {
            replicas: Ok(scales.values().sum()),
            unmanaged,
        }
    }

    fn tell(&self, budget: &PodDisruptionBudget, plan: &plan::Plan, pods: &[Arc<Pod>]) {
        let about = reference(budget);
        if pods.is_empty() {
            self.recorder
                .normal(&about, "NoPods", "No matching pods found");
        }
        if let Some(failure) = &plan.failure {
            let message = format!("Failed to calculate the number of expected pods: {failure}");
            self.recorder
                .warning(&about, "CalculateExpectedPodCountFailed", &message);
        }
        if plan.unmanaged {
            let spec = budget.spec.as_ref();
            let selector = machinery::labels::describe(spec.and_then(|it| it.selector.as_ref()));
            let message = format!(
                "Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set \".spec.minAvailable\" field of the PDB to an integer value."
            );
            self.recorder.warning(&about, "UnmanagedPods", &message);
        }
        let key = Key::of(&budget.metadata);
        for name in &plan.not_deleted {
            let found = pods
                .iter()
                .find(|pod| pod.metadata.name.as_ref() == Some(name));
            if let Some(pod) = found {
                let message = format!("Pod was expected by PDB {key} to be deleted but it wasn't");
                self.recorder
                    .warning(&reference(&**pod), "NotDeleted", &message);
            }
        }
    }
}

fn selector(budget: &PodDisruptionBudget) -> Selector {
    owned_pods::selector(budget.spec.as_ref().and_then(|it| it.selector.as_ref()))
}

/// The budgets that select the pod as it was or as it is.
fn budgets_of(budgets: &Cache<PodDisruptionBudget>, change: &Change<Pod>) -> Vec<Key> {
    let mut keys = Vec::new();
    for pod in [&change.old, &change.new].into_iter().flatten() {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let selects = |it: &PodDisruptionBudget| selector(it).matches(pod.metadata.labels.as_ref());
        let all = budgets.list_in(namespace).into_iter();
        keys.extend(all.filter(|it| selects(it)).map(|it| Key::of(&it.metadata)));
    }
    keys.sort();
    keys.dedup();
    keys
}

/// Wakes the budgets of a namespace when what scales pods there asks for another number.
fn on_scale<T: api::Object>(
    wiring: &Wiring,
    budgets: &Arc<Cache<PodDisruptionBudget>>,
    replicas: fn(&T) -> Option<i32>,
) {
    let budgets = Arc::clone(budgets);
    wiring.on::<T>(move |change| {
        let of = |it: &Option<Arc<T>>| it.as_ref().map(|it| replicas(it));
        let Some(latest) = change
            .latest()
            .filter(|_| of(&change.old) != of(&change.new))
        else {
            return Vec::new();
        };
        let namespace = latest.metadata().namespace.as_deref().unwrap_or_default();
        let budgets = budgets.list_in(namespace).into_iter();
        budgets.map(|it| Key::of(&it.metadata)).collect()
    });
}

#[async_trait]
impl Reconcile for Disruption {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<PodDisruptionBudget>();
        let budgets = Arc::clone(&self.budgets);
        wiring.on::<Pod>(move |change| budgets_of(&budgets, change));
        on_scale::<Deployment>(wiring, &self.budgets, |it| it.spec.as_ref()?.replicas);
        on_scale::<ReplicaSet>(wiring, &self.budgets, |it| it.spec.as_ref()?.replicas);
        on_scale::<StatefulSet>(wiring, &self.budgets, |it| it.spec.as_ref()?.replicas);
        on_scale::<ReplicationController>(wiring, &self.budgets, |it| it.spec.as_ref()?.replicas);
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(budget) = self.budgets.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let selector = selector(&budget);
        let mut pods = self.pods.list_in(&key.namespace);
        pods.retain(|pod| selector.matches(pod.metadata.labels.as_ref()));
        let plan = plan::plan(&budget, &pods, &self.expected(&pods), self.clock.now());
        self.tell(&budget, &plan, &pods);
        if budget.status.as_ref() != Some(&plan.status) {
            let mut changed = (*budget).clone();
            changed.status = Some(plan.status);
            writes.update_status(&changed).await?;
        }
        Ok(plan.look_again.map_or(Outcome::Done, Outcome::After))
    }
}
