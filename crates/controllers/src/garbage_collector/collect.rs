//! Judging one object: does it stay, lose some owners, go, or finish a deletion that waits for dependents?

#[cfg(test)]
mod tests;

use super::{
    Shared,
    graph::{FOREGROUND, Graph, ORPHAN, Object},
};
use crate::discovery::{self, Resource};
use bytes::Bytes;
use client::{DeleteOptions, Error, Form, Patch};
use http::Method;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use reconcile::Key;
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
    /// Being deleted in the foreground, waiting for this dependent.
    Waiting,
}

pub(super) struct Collector {
    shared: Arc<Shared>,
}

#[derive(Deserialize)]
struct Live {
    metadata: ObjectMeta,
}

impl Collector {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(super) async fn work(&self) {
        loop {
            let uid = self.shared.queue.next().await;
            match self.collect(&uid).await {
                Ok(()) => self.shared.queue.succeeded(&uid),
                Err(error) => {
                    let wait = self.shared.queue.failed(&uid);
                    tracing::debug!(%uid, %error, ?wait, "could not collect; again");
                }
            }
        }
    }

    async fn collect(&self, uid: &str) -> Result<(), Error> {
        let Some(object) = self.shared.graph.lock().get(uid).cloned() else {
            return Ok(());
        };
        let mut owners = Vec::new();
        if !object.deleting {
            for owner in &object.owners {
                let standing = self.standing(&object, owner).await?;
                owners.push((owner.uid.clone(), standing));
            }
        }
        let judgement = judge(uid, &object, &owners, &self.shared.graph.lock());
        match judgement {
            Judgement::Stays => Ok(()),
            Judgement::LoseOwners(gone) => self.drop_owners(&object, &gone).await,
            Judgement::Unblock => self.unblock(&object).await,
            Judgement::Delete(policy) => self.delete(uid, &object, policy).await,
            Judgement::Orphan => self.orphan(uid, &object).await,
            Judgement::FinishForeground => self.drop_finalizer(uid, &object, FOREGROUND).await,
        }
    }

    /// Looks an owner up in the graph, and asks the server before believing that it is gone.
    async fn standing(&self, object: &Object, owner: &OwnerReference) -> Result<Owner, Error> {
        if let Some(found) = self.shared.graph.lock().get(&owner.uid) {
            let cross_namespace =
                found.resource.namespaced && found.key.namespace != object.key.namespace;
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
        let path = resource.path(&object.key.namespace).part(&owner.name);
        match self.live(&path).await? {
            Some(live) if live.uid.as_deref() == Some(&owner.uid) => Ok(Owner::Solid),
            _ => Ok(Owner::Absent),
        }
    }

    async fn resource(&self, owner: &OwnerReference) -> Result<Option<Arc<Resource>>, Error> {
        if let Some(known) = self.shared.graph.lock().resource_of(owner) {
            return Ok(Some(known));
        }
        let served = discovery::discover(&self.shared.client).await?;
        let group = owner
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        let found = served
            .resources
            .into_iter()
            .find(|resource| resource.kind == owner.kind && resource.group == group);
        Ok(found.map(Arc::new))
    }

    async fn live(&self, path: &client::Path) -> Result<Option<ObjectMeta>, Error> {
        let answer = self
            .shared
            .client
            .call(Method::GET, path, "", Bytes::new(), Form::Metadata)
            .await;
        match answer {
            Ok(body) => {
                let live: Live = serde_json::from_slice(&body).map_err(|error| Error::Answer {
                    request: path.as_str().to_owned(),
                    detail: error.to_string(),
                })?;
                Ok(Some(live.metadata))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn delete(&self, uid: &str, object: &Object, policy: &'static str) -> Result<(), Error> {
        let path = path(object, &object.key);
        // The graph may be behind: the live object's revision makes sure that nothing changed meanwhile.
        let Some(live) = self
            .live(&path)
            .await?
            .filter(|live| live.uid.as_deref() == Some(uid))
        else {
            return Ok(());
        };
        let changed = live.owner_references.unwrap_or_default() != object.owners;
        if changed || live.deletion_timestamp.is_some() {
            return Ok(());
        }
        let options = DeleteOptions {
            propagation: Some(policy),
            uid: Some(uid.to_owned()),
            resource_version: live.resource_version,
            grace_seconds: None,
        };
        match self.shared.client.delete_at(&path, &options).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    async fn drop_owners(&self, object: &Object, gone: &[String]) -> Result<(), Error> {
        let path = path(object, &object.key);
        let Some(live) = self.live(&path).await? else {
            return Ok(());
        };
        let mut left = live.owner_references.unwrap_or_default();
        left.retain(|owner| !gone.contains(&owner.uid));
        let patch = json!({"metadata": {"uid": live.uid, "resourceVersion": live.resource_version, "ownerReferences": left}});
        self.patch(path, patch).await
    }

    async fn unblock(&self, object: &Object) -> Result<(), Error> {
        let path = path(object, &object.key);
        let Some(live) = self.live(&path).await? else {
            return Ok(());
        };
        let mut owners = live.owner_references.unwrap_or_default();
        for owner in &mut owners {
            owner.block_owner_deletion = Some(false);
        }
        let patch = json!({"metadata": {"uid": live.uid, "resourceVersion": live.resource_version, "ownerReferences": owners}});
        self.patch(path, patch).await
    }

    async fn orphan(&self, uid: &str, object: &Object) -> Result<(), Error> {
        let dependents: Vec<_> = {
            let graph = self.shared.graph.lock();
            let found = graph.dependents_of(uid);
            found
                .iter()
                .filter_map(|dependent| graph.get(dependent).cloned())
                .collect()
        };
        for dependent in dependents {
            self.drop_owners(&dependent, &[uid.to_owned()]).await?;
        }
        self.drop_finalizer(uid, object, ORPHAN).await
    }

    async fn drop_finalizer(
        &self,
        uid: &str,
        object: &Object,
        finalizer: &str,
    ) -> Result<(), Error> {
        let path = path(object, &object.key);
        let Some(live) = self
            .live(&path)
            .await?
            .filter(|live| live.uid.as_deref() == Some(uid))
        else {
            return Ok(());
        };
        let mut left = live.finalizers.unwrap_or_default();
        left.retain(|other| other != finalizer);
        let patch = json!({"metadata": {"uid": uid, "resourceVersion": live.resource_version, "finalizers": left}});
        self.patch(path, patch).await
    }

    async fn patch(&self, path: client::Path, patch: serde_json::Value) -> Result<(), Error> {
        match self
            .shared
            .client
            .patch_at(path, &Patch::Merge(patch))
            .await
        {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}

fn path(object: &Object, key: &Key) -> client::Path {
    object.resource.path(&key.namespace).part(&key.name)
}

fn judge(uid: &str, object: &Object, owners: &[(String, Owner)], graph: &Graph) -> Judgement {
    if object.deleting {
        return match (object.orphan, object.foreground) {
            (true, _) => Judgement::Orphan,
            (false, true) if !graph.is_blocked(uid) => Judgement::FinishForeground,
            _ => Judgement::Stays,
        };
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
    let dependents = graph.dependents_of(uid);
    let has_dependents = !dependents.is_empty();
    let in_circle = || {
        let mut waiting = dependents.iter().filter_map(|it| graph.get(it));
        waiting.any(Object::waits_for_dependents)
    };
    let blocks = |owner: &OwnerReference| owner.block_owner_deletion == Some(true);
    if waited_for && object.owners.iter().any(blocks) && in_circle() {
        return Judgement::Unblock;
    }
    Judgement::Delete(
        match (
            object.orphan,
            object.foreground,
            waited_for && has_dependents,
        ) {
            (true, _, _) => "Orphan",
            (_, true, _) | (_, _, true) => "Foreground",
            _ => "Background",
        },
    )
}
