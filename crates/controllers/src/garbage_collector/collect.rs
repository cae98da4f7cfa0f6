//! Judging one object: does it stay, lose some owners, go, or finish a deletion that waits for dependents?

#[cfg(test)]
mod tests;

use super::{
    Shared,
    graph::{FOREGROUND, Graph, Home, ORPHAN, Object, Ties},
    uid::Uid,
    watch::REST,
};
use crate::discovery::{self, Resource};
use bytes::Bytes;
use client::{DeleteOptions, Error, Form, Patch};
use http::Method;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// What to do about an object. Owners are named by UID.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Judgement {
    /// Nothing to do.
    Stays,
    /// Take these owners off it; others still hold it.
    LoseOwners(Vec<String>),
    /// Let no owner wait for it any more: its owners wait for themselves, through it.
    Unblock,
    /// Delete it under this propagation policy.
    Delete(&'static str),
    /// Take the dependents off it, then the `orphan` finalizer.
    Orphan,
    /// Take the `foregroundDeletion` finalizer off it.
    FinishForeground,
}

/// How an owner stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Solid,
    /// Gone, or another object of the same name.
    Absent,
    /// Gone after it let its dependents go, of which this is one that was seen late.
    LetGo,
    /// Being deleted in the foreground, waiting for this dependent.
    Waiting,
}

pub(super) struct Collector {
    shared: Arc<Shared>,
    /// The resources that were served when the collector began.
    served: Arc<[Arc<Resource>]>,
}

#[derive(Deserialize)]
struct Live {
    metadata: ObjectMeta,
}

impl Collector {
    pub(super) fn new(shared: Arc<Shared>, served: Arc<[Arc<Resource>]>) -> Self {
        Self { shared, served }
    }

    pub(super) async fn work(&self) {
        loop {
            let uid = self.shared.queue.next().await;
            match self.collect(&uid).await {
                Ok(()) => self.shared.queue.succeeded(&uid),
                Err(error) => {
                    let wait = self.shared.queue.failed(&uid);
                    tracing::debug!(?uid, %error, ?wait, "could not collect; again");
                }
            }
        }
    }

    async fn collect(&self, uid: &Uid) -> Result<(), Error> {
        let Some(object) = Found::of(uid, &self.shared.graph.lock()) else {
            return Ok(());
        };
        let mut owners = Vec::new();
        if !object.ties.deleting {
            for owner in &object.ties.owners {
                let standing = self.standing(&object, owner).await?;
                owners.push((owner.uid.clone(), standing));
            }
        }
        let mut judgement = judge(&object, &owners, &self.shared.graph.lock());
        if judgement == Judgement::Orphan || judgement == Judgement::FinishForeground {
            // Dependents that were made just before are seen when every watch has rested. This is for the order
            // in which things go; that an orphan stays is `Graph::let_go`'s, however late it is seen.
            tokio::time::sleep(2 * REST).await;
            judgement = judge(&object, &owners, &self.shared.graph.lock());
        }
        match judgement {
            Judgement::Stays => Ok(()),
            Judgement::LoseOwners(gone) => self.drop_owners(&object, &gone).await,
            Judgement::Unblock => self.unblock(&object).await,
            Judgement::Delete(policy) => self.delete(&object, policy).await,
            Judgement::Orphan => self.orphan(&object).await,
            Judgement::FinishForeground => self.drop_finalizer(&object, FOREGROUND).await,
        }
    }

    /// Looks an owner up in the graph, and asks the server before believing that it is gone.
    async fn standing(&self, object: &Found, owner: &OwnerReference) -> Result<Owner, Error> {
        let namespace = &object.home.namespace;
        if let Some(found) = self.shared.graph.lock().get(&Uid::of(&owner.uid)) {
            let cross_namespace =
                found.home.resource.namespaced && found.home.namespace != *namespace;
            return Ok(match (cross_namespace, found.waits_for_dependents()) {
                (true, _) => Owner::Absent,
                (false, true) => Owner::Waiting,
                (false, false) => Owner::Solid,
            });
        }
        let Some(resource) = self.resource(owner).await? else {
            // A kind that is not served cannot be judged: its objects may come back with it.
            return Ok(Owner::Solid);
        };
        let path = resource.path(namespace).part(&owner.name);
        let removals = self.shared.graph.lock().removals();
        let live = match self.live(&path).await {
            // A kind that is not served any more, as above.
            Err(error) if error.is_not_served() => return Ok(Owner::Solid),
            live => live?,
        };
        let live = live.filter(|live| live.uid.as_deref() == Some(&owner.uid));
        let (uid, mut graph) = (Uid::of(&owner.uid), self.shared.graph.lock());
        if let Some(live) = live {
            let namespace = live.namespace.as_deref().unwrap_or_default();
            graph.met(&uid, (&resource, namespace), removals);
            return Ok(Owner::Solid);
        }
        // Asked after the server was: it is remembered before the owner goes.
        Ok(if graph.has_let_go(&uid) {
            Owner::LetGo
        } else {
            Owner::Absent
        })
    }

    async fn resource(&self, owner: &OwnerReference) -> Result<Option<Arc<Resource>>, Error> {
        let group = owner
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        let is_its = |it: &Resource| it.kind == owner.kind && it.group == group;
        if let Some(known) = self.served.iter().find(|it| is_its(it)) {
            return Ok(Some(Arc::clone(known)));
        }
        let served = discovery::discover(&self.shared.client).await?;
        Ok(served.resources.into_iter().find(is_its).map(Arc::new))
    }

    async fn live(&self, path: &client::Path) -> Result<Option<ObjectMeta>, Error> {
        let answer = self
            .shared
            .client
            .call(Method::GET, path, "", Bytes::new(), Form::Metadata)
            .await;
        match answer {
            Ok(body) => {
                let live: Live = path.read(&body)?;
                Ok(Some(live.metadata))
            }
            Err(error) if error.is_not_found() && !error.is_not_served() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The object as it is now, unless it is gone or another has its name.
    async fn same(&self, object: &Found) -> Result<Option<ObjectMeta>, Error> {
        let live = match self.live(&object.path()).await {
            Err(error) if error.is_not_served() => None,
            live => live?,
        };
        Ok(live.filter(|live| live.uid.as_deref().map(Uid::of).as_ref() == Some(&object.uid)))
    }

    async fn delete(&self, object: &Found, policy: &'static str) -> Result<(), Error> {
        // The graph may be behind: the live object's revision makes sure that nothing changed meanwhile.
        let Some(live) = self.same(object).await? else {
            return Ok(());
        };
        let changed = live.owner_references.unwrap_or_default() != object.ties.owners;
        if changed || live.deletion_timestamp.is_some() {
            return Ok(());
        }
        let options = DeleteOptions {
            propagation: Some(policy),
            uid: live.uid,
            resource_version: live.resource_version,
            grace_seconds: None,
        };
        match self.shared.client.delete_at(&object.path(), &options).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    async fn drop_owners(&self, object: &Found, gone: &[String]) -> Result<(), Error> {
        let left = |live: &ObjectMeta| {
            let mut left = live.owner_references.clone().unwrap_or_default();
            left.retain(|owner| !gone.contains(&owner.uid));
            json!(left)
        };
        self.rewrite(object, "ownerReferences", left).await
    }

    async fn unblock(&self, object: &Found) -> Result<(), Error> {
        let unblocked = |live: &ObjectMeta| {
            let mut owners = live.owner_references.clone().unwrap_or_default();
            for owner in &mut owners {
                owner.block_owner_deletion = Some(false);
            }
            json!(owners)
        };
        self.rewrite(object, "ownerReferences", unblocked).await
    }

    async fn orphan(&self, object: &Found) -> Result<(), Error> {
        let dependents: Vec<_> = {
            let graph = self.shared.graph.lock();
            let found = graph.dependents_of(&object.uid);
            found
                .iter()
                .filter_map(|it| Found::of(it, &graph))
                .collect()
        };
        for dependent in dependents {
            let own = dependent.ties.owners.iter().map(|owner| &owner.uid);
            let own = own.filter(|uid| Uid::of(uid) == object.uid).cloned();
            let own: Vec<_> = own.collect();
            self.drop_owners(&dependent, &own).await?;
        }
        self.shared.graph.lock().let_go(object.uid.clone());
        self.drop_finalizer(object, ORPHAN).await
    }

    async fn drop_finalizer(&self, object: &Found, finalizer: &str) -> Result<(), Error> {
        let left = |live: &ObjectMeta| {
            let mut left = live.finalizers.clone().unwrap_or_default();
            left.retain(|other| other != finalizer);
            json!(left)
        };
        self.rewrite(object, "finalizers", left).await
    }

    /// Writes one list of the object's metadata anew; a conflict when the object changes meanwhile.
    async fn rewrite(
        &self,
        object: &Found,
        field: &str,
        list: impl FnOnce(&ObjectMeta) -> serde_json::Value,
    ) -> Result<(), Error> {
        let Some(live) = self.same(object).await? else {
            return Ok(());
        };
        let metadata =
            json!({"uid": live.uid, "resourceVersion": live.resource_version, field: list(&live)});
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        match self.shared.client.patch_at(object.path(), &patch).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}

/// An object that there is something to judge about.
struct Found {
    uid: Uid,
    home: Arc<Home>,
    ties: Box<Ties>,
}

impl Found {
    fn of(uid: &Uid, graph: &Graph) -> Option<Self> {
        let Object { home, ties } = graph.get(uid)?.clone();
        Some(Self {
            uid: uid.clone(),
            home,
            ties: ties?,
        })
    }

    fn path(&self) -> client::Path {
        let Home {
            resource,
            namespace,
        } = &*self.home;
        resource.path(namespace).part(&self.ties.name)
    }
}

fn judge(object: &Found, owners: &[(String, Owner)], graph: &Graph) -> Judgement {
    let ties = &object.ties;
    if ties.deleting {
        return match (ties.orphan, ties.foreground) {
            (true, _) => Judgement::Orphan,
            (false, true) if !graph.is_blocked(&object.uid) => Judgement::FinishForeground,
            _ => Judgement::Stays,
        };
    }
    let let_go = owners.iter().filter(|(_, owner)| *owner == Owner::LetGo);
    let let_go: Vec<_> = let_go.map(|(uid, _)| uid.clone()).collect();
    if !let_go.is_empty() {
        return Judgement::LoseOwners(let_go);
    }
    let (solid, loose): (Vec<_>, Vec<_>) =
        owners.iter().partition(|(_, owner)| *owner == Owner::Solid);
    if loose.is_empty() {
        return Judgement::Stays;
    }
    if !solid.is_empty() {
        return Judgement::LoseOwners(loose.iter().map(|(uid, _)| uid.clone()).collect());
    }
    let waited_for = loose.iter().any(|(_, owner)| *owner == Owner::Waiting);
    let dependents = graph.dependents_of(&object.uid);
    let has_dependents = !dependents.is_empty();
    let in_circle = || {
        let mut waiting = dependents.iter().filter_map(|it| graph.get(it));
        waiting.any(Object::waits_for_dependents)
    };
    let blocks = |owner: &OwnerReference| owner.block_owner_deletion == Some(true);
    if waited_for && ties.owners.iter().any(blocks) && in_circle() {
        return Judgement::Unblock;
    }
    Judgement::Delete(
        match (ties.orphan, ties.foreground, waited_for && has_dependents) {
            (true, _, _) => "Orphan",
            (_, true, _) | (_, _, true) => "Foreground",
            _ => "Background",
        },
    )
}
