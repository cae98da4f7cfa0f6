//! Who owns whom, by UID. Pure; kept small, since it knows every object of the cluster.

use crate::discovery::Resource;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use reconcile::Key;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

pub(super) const FOREGROUND: &str = "foregroundDeletion";
pub(super) const ORPHAN: &str = "orphan";

/// One object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) resource: Arc<Resource>,
    pub(super) key: Key,
    pub(super) owners: Vec<OwnerReference>,
    pub(super) deleting: bool,
    pub(super) foreground: bool,
    pub(super) orphan: bool,
}

impl Object {
    fn new(resource: &Arc<Resource>, metadata: &ObjectMeta) -> Self {
        let waits_for = |finalizer: &str| {
            metadata
                .finalizers
                .iter()
                .flatten()
                .any(|other| other == finalizer)
        };
        Self {
            resource: Arc::clone(resource),
            key: Key::of(metadata),
            owners: metadata.owner_references.clone().unwrap_or_default(),
            deleting: metadata.deletion_timestamp.is_some(),
            foreground: waits_for(FOREGROUND),
            orphan: waits_for(ORPHAN),
        }
    }

    /// Deleted in the foreground, and waiting for its dependents.
    pub(super) fn waits_for_dependents(&self) -> bool {
        self.deleting && self.foreground
    }
}

/// Every object that is seen, and the dependents of every UID that is named as an owner.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    objects: HashMap<String, Object>,
    dependents: HashMap<String, HashSet<String>>,
}

impl Graph {
    /// Takes an object as it is now; returns the UIDs that should be looked at.
    pub(super) fn put(&mut self, resource: &Arc<Resource>, metadata: &ObjectMeta) -> Vec<String> {
        let Some(uid) = metadata.uid.clone() else {
            return Vec::new();
        };
        let object = Object::new(resource, metadata);
        let mut look = Vec::new();
        if let Some(old) = self.objects.get(&uid) {
            for owner in &old.owners {
                if let Some(dependents) = self.dependents.get_mut(&owner.uid) {
                    dependents.remove(&uid);
                    if dependents.is_empty() {
                        self.dependents.remove(&owner.uid);
                    }
                    // A waiting owner may have lost the last dependent it waits for.
                    look.push(owner.uid.clone());
                }
            }
        }
        for owner in &object.owners {
            self.dependents
                .entry(owner.uid.clone())
                .or_default()
                .insert(uid.clone());
        }
        if object.waits_for_dependents() {
            look.extend(self.dependents_of(&uid));
        }
        if !object.owners.is_empty() || object.deleting {
            look.push(uid.clone());
        }
        self.objects.insert(uid, object);
        look
    }

    /// Forgets an object; returns the UIDs that should be looked at: its dependents and its owners.
    pub(super) fn remove(&mut self, uid: &str) -> Vec<String> {
        let mut look = self.dependents_of(uid);
        if let Some(object) = self.objects.remove(uid) {
            for owner in &object.owners {
                if let Some(dependents) = self.dependents.get_mut(&owner.uid) {
                    dependents.remove(uid);
                    if dependents.is_empty() {
                        self.dependents.remove(&owner.uid);
                    }
                }
                look.push(owner.uid.clone());
            }
        }
        look
    }

    pub(super) fn get(&self, uid: &str) -> Option<&Object> {
        self.objects.get(uid)
    }

    pub(super) fn dependents_of(&self, uid: &str) -> Vec<String> {
        self.dependents
            .get(uid)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Whether a dependent that blocks its owner's deletion is left.
    pub(super) fn is_blocked(&self, uid: &str) -> bool {
        self.dependents_of(uid).iter().any(|dependent| {
            let owners = self
                .objects
                .get(dependent)
                .map(|object| object.owners.as_slice());
            owners
                .unwrap_or_default()
                .iter()
                .any(|owner| owner.uid == uid && owner.block_owner_deletion == Some(true))
        })
    }

    /// The UIDs of a resource's objects.
    pub(super) fn uids_of(&self, resource: &Resource) -> Vec<String> {
        self.objects
            .iter()
            .filter(|(_, object)| *object.resource == *resource)
            .map(|(uid, _)| uid.clone())
            .collect()
    }

    /// The served resource of an owner's kind, as far as the graph has met it.
    pub(super) fn resource_of(&self, owner: &OwnerReference) -> Option<Arc<Resource>> {
        self.objects
            .get(&owner.uid)
            .map(|object| Arc::clone(&object.resource))
    }
}
