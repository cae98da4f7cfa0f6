//! Promise: a StatefulSet's pods are `NAME-0` to `NAME-N`, each with its own claims, started, stopped and
//! updated in order unless asked otherwise. Upstream: statefulset-controller.

mod identity;
mod plan;
#[cfg(test)]
mod tests;

use crate::{Context, controller_revisions, owned_pods};
use async_trait::async_trait;
use client::DeleteOptions;
use k8s_openapi::api::{
    apps::v1::{ControllerRevision, StatefulSet},
    core::v1::{PersistentVolumeClaim, Pod, PodTemplateSpec},
};
use machinery::{labels::Selector, pods};
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Recorder, Wiring, Writes, reference};
use std::{collections::BTreeSet, sync::Arc};
use stdx::clock::Clock;

pub(crate) const NAME: &str = "statefulset-controller";

pub(crate) struct StatefulSets {
    sets: Arc<Cache<StatefulSet>>,
    pods: Arc<Cache<Pod>>,
    claims: Arc<Cache<PersistentVolumeClaim>>,
    revisions: Arc<Cache<ControllerRevision>>,
    recorder: Recorder,
    clock: Clock,
}

/// The two templates of a set: the one it comes from and the one it goes to.
struct Templates<'a> {
    current: PodTemplateSpec,
    current_revision: String,
    update: &'a PodTemplateSpec,
    update_revision: String,
}

impl StatefulSets {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            sets: context.caches.of(),
            pods: context.caches.of(),
            claims: context.caches.of(),
            revisions: context.caches.of(),
            recorder: context.recorder.named(NAME),
            clock: context.clock.clone(),
        }
    }

    /// Says how an attempt at a pod went; gives back its error.
    fn tell(
        &self,
        set: &StatefulSet,
        verb: &str,
        pod: &str,
        result: Result<(), client::Error>,
    ) -> Result<(), Error> {
        let name = set.metadata.name.as_deref().unwrap_or_default();
        let upper = if verb == "create" { "Create" } else { "Delete" };
        let about = reference(set);
        match result {
            Ok(()) => {
                let message = format!("{verb} Pod {pod} in StatefulSet {name} successful");
                self.recorder
                    .normal(&about, &format!("Successful{upper}"), &message);
                Ok(())
            }
            Err(error) => {
                let message =
                    format!("{verb} Pod {pod} in StatefulSet {name} failed error: {error}");
                self.recorder
                    .warning(&about, &format!("Failed{upper}"), &message);
                Err(error.into())
            }
        }
    }

    async fn create(
        &self,
        set: &StatefulSet,
        ordinal: i32,
        pod: &Pod,
        writes: &Writes,
    ) -> Result<(), Error> {
        self.create_claims(set, ordinal, writes).await?;
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let created = writes.create(pod).await.map(|_| ());
        self.tell(set, "create", name, created)
    }

    async fn create_claims(
        &self,
        set: &StatefulSet,
        ordinal: i32,
        writes: &Writes,
    ) -> Result<(), Error> {
        for claim in identity::claims(set, ordinal) {
            let key = Key::of(&claim.metadata);
            if let Some(found) = self.claims.get_key(&key) {
                if found.metadata.deletion_timestamp.is_some() {
                    return Err(Error::Other(format!("pvc {} is being deleted", key.name)));
                }
                continue;
            }
            writes.create(&claim).await?;
            let (claim, pod) = (&key.name, identity::pod_name(set, ordinal));
            let name = set.metadata.name.as_deref().unwrap_or_default();
            let message = format!("create Claim {claim} Pod {pod} in StatefulSet {name} success");
            self.recorder
                .normal(&reference(set), "SuccessfulCreate", &message);
        }
        Ok(())
    }

    /// Gives the claims of existing pods the owners that the retention policy asks for, and pods that
    /// wait for a claim the claim.
    async fn keep_claims(
        &self,
        set: &StatefulSet,
        owned: &[Arc<Pod>],
        writes: &Writes,
    ) -> Result<(), Error> {
        for pod in owned {
            let Some(ordinal) = identity::ordinal(set, pod) else {
                continue;
            };
            if pods::phase(pod) == "Pending" && !pods::is_terminating(pod) {
                self.create_claims(set, ordinal, writes).await?;
            }
            for claim in identity::claims(set, ordinal) {
                let found = self.claims.get_key(&Key::of(&claim.metadata));
                let changed = found.and_then(|it| identity::with_retention(set, pod, &it));
                if let Some(changed) = changed {
                    writes.update(&changed).await?;
                }
            }
        }
        Ok(())
    }

    async fn delete(&self, set: &StatefulSet, pod: &Pod, writes: &Writes) -> Result<(), Error> {
        let key = Key::of(&pod.metadata);
        let (name, whole) = (&key.name, Key::of(&set.metadata));
        match pods::phase(pod) {
            "Failed" => self.recorder.warning(
                &reference(set),
                "RecreatingFailedPod",
                &format!("StatefulSet {whole} is recreating failed Pod {name}"),
            ),
            "Succeeded" => self.recorder.normal(
                &reference(set),
                "RecreatingTerminatedPod",
                &format!("StatefulSet {whole} is recreating terminated Pod {name}"),
            ),
            _ => {}
        }
        let options = DeleteOptions {
            uid: pod.metadata.uid.clone(),
            ..DeleteOptions::default()
        };
        let deleted = writes.delete::<Pod>(&key.namespace, name, &options).await;
        self.tell(set, "delete", name, deleted)
    }

    async fn apply(
        &self,
        set: &StatefulSet,
        plan: &plan::Plan,
        templates: &Templates<'_>,
        writes: &Writes,
    ) -> Result<(), Error> {
        for (ordinal, updated) in plan.create.iter().take(owned_pods::BURST) {
            let (template, revision) = match updated {
                true => (templates.update, &templates.update_revision),
                false => (&templates.current, &templates.current_revision),
            };
            let pod = identity::new_pod(set, *ordinal, template, revision);
            self.create(set, *ordinal, &pod, writes).await?;
        }
        for pod in plan.delete.iter().take(owned_pods::BURST) {
            self.delete(set, pod, writes).await?;
        }
        Ok(())
    }
}

fn selector(set: &StatefulSet) -> Selector {
    owned_pods::selector(set.spec.as_ref().map(|it| &it.selector))
}

/// The templates between which the set moves, by its history and its status.
fn templates<'a>(
    set: &StatefulSet,
    update: &'a PodTemplateSpec,
    history: &controller_revisions::History,
) -> Templates<'a> {
    let stored = set
        .status
        .as_ref()
        .and_then(|it| it.current_revision.as_deref());
    let found = history
        .all
        .iter()
        .find(|revision| Some(controller_revisions::name(revision)) == stored);
    let current = found.unwrap_or(&history.current);
    Templates {
        current: controller_revisions::template(current).unwrap_or_else(|| update.clone()),
        current_revision: controller_revisions::name(current).to_owned(),
        update,
        update_revision: controller_revisions::name(&history.current).to_owned(),
    }
}

#[async_trait]
impl Reconcile for StatefulSets {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<StatefulSet>();
        let sets = Arc::clone(&self.sets);
        wiring.on::<Pod>(move |change| {
            owned_pods::keys(change, "StatefulSet", |pod| {
                let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
                let sets = sets.list_in(namespace).into_iter();
                let sets = sets.filter(|set| selector(set).matches(pod.metadata.labels.as_ref()));
                sets.map(|set| Key::of(&set.metadata)).collect()
            })
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let set = self.sets.get_key(key);
        let Some((set, spec)) = set.as_ref().and_then(|it| Some((it, it.spec.as_ref()?))) else {
            return Ok(Outcome::Done);
        };
        let selector = selector(set);
        let claim = owned_pods::Claim {
            selector: &selector,
            fits: &|pod| identity::ordinal(set, pod).is_some(),
            finalizer: None,
        };
        let owned = claim.pods(&**set, &self.pods, writes).await?;
        if set.metadata.deletion_timestamp.is_some() {
            return Ok(Outcome::Done);
        }
        let collisions = set.status.as_ref().and_then(|it| it.collision_count);
        let collisions = collisions.filter(|count| *count > 0);
        let revisions = &self.revisions;
        let history =
            controller_revisions::observe(&**set, &spec.template, collisions, revisions, writes)
                .await?;
        let templates = templates(set, &spec.template, &history);
        let plan = plan::plan(&plan::Facts {
            set,
            spec,
            pods: &owned,
            current: &templates.current_revision,
            update: &templates.update_revision,
            collisions: history.collisions,
            now: self.clock.now(),
        });
        self.keep_claims(set, &owned, writes).await?;
        let applied = self.apply(set, &plan, &templates, writes).await;
        if set.status.as_ref() != Some(&plan.status) {
            let mut changed = (**set).clone();
            changed.status = Some(plan.status);
            writes.update_status(&changed).await?;
        }
        applied?;
        let hashes = owned
            .iter()
            .map(|pod| controller_revisions::hash_of(&pod.metadata));
        let mut live: BTreeSet<_> = hashes.map(str::to_owned).collect();
        live.insert(templates.current_revision);
        controller_revisions::truncate(&history, &live, spec.revision_history_limit, writes)
            .await?;
        Ok(plan.look_again.map_or(Outcome::Done, Outcome::After))
    }
}
