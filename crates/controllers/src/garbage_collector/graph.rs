//! Who owns whom, by UID. Pure, and kept small: of the objects that neither have an owner nor are on their way
//! out, which nearly all are in some clusters, only those are kept that own something.

#[cfg(test)]
mod tests;

use super::uid::Uid;
use crate::discovery::Resource;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde::{Deserialize, de::IgnoredAny};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

pub(super) const FOREGROUND: &str = "foregroundDeletion";
pub(super) const ORPHAN: &str = "orphan";
/// Owners that are remembered to have let their dependents go: many more than are deleted in the time that a
/// watch may be late.
const LET_GO: usize = 1024;

/// What the graph reads of an object's metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    uid: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) resource_version: Cow<'a, str>,
    owner_references: Option<Vec<OwnerReference>>,
    finalizers: Option<Vec<String>>,
    deletion_timestamp: Option<IgnoredAny>,
}

impl Metadata<'_> {
    /// The object's UID, when it has one.
    pub(super) fn uid(&self) -> Option<Uid> {
        (!self.uid.is_empty()).then(|| Uid::of(&self.uid))
    }
}

/// The objects of one resource in one namespace.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Home {
    pub(super) resource: Arc<Resource>,
    pub(super) namespace: String,
}

/// One object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) home: Arc<Home>,
    /// Absent for an object that only others are judged by.
    pub(super) ties: Option<Box<Ties>>,
}

/// What may make an object go.
#[derive(Clone, Debug)]
pub(super) struct Ties {
    pub(super) name: String,
    pub(super) owners: Vec<OwnerReference>,
    pub(super) deleting: bool,
    pub(super) foreground: bool,
    pub(super) orphan: bool,
}

impl Ties {
    fn of(metadata: &Metadata<'_>) -> Option<Box<Self>> {
        let owners = metadata.owner_references.clone().unwrap_or_default();
        let deleting = metadata.deletion_timestamp.is_some();
        if owners.is_empty() && !deleting {
            return None;
        }
        let waits_for = |finalizer: &str| {
            let mut all = metadata.finalizers.iter().flatten();
            all.any(|other| other == finalizer)
        };
        Some(Box::new(Self {
            name: metadata.name.clone().into_owned(),
            owners,
            deleting,
            foreground: waits_for(FOREGROUND),
            orphan: waits_for(ORPHAN),
        }))
    }
}

impl Object {
    /// Its owners.
    pub(super) fn owners(&self) -> &[OwnerReference] {
        self.ties.as_ref().map_or(&[], |ties| &ties.owners)
    }

    /// Deleted in the foreground, and waiting for its dependents.
    pub(super) fn waits_for_dependents(&self) -> bool {
        self.ties
            .as_ref()
            .is_some_and(|ties| ties.deleting && ties.foreground)
    }
}

/// The objects that have ties or dependents, and the dependents of every UID that is named as an owner.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    objects: HashMap<Uid, Object>,
    dependents: HashMap<Uid, HashSet<Uid>>,
    /// Every resource has been listed. Until then each object is kept: its dependents may be yet to come.
    complete: bool,
    /// How many objects were seen to go.
    removals: u64,
    /// The homes of the objects, each once.
    homes: HashSet<Arc<Home>>,
    /// Owners that were deleted with `Orphan`, the latest last. A dependent that a watch shows only afterwards
    /// is let go too.
    let_go: VecDeque<Uid>,
}

impl Graph {
    /// Takes an object as it is now; returns the UIDs that should be looked at.
    pub(super) fn put(&mut self, resource: &Arc<Resource>, metadata: &Metadata<'_>) -> Vec<Uid> {
        let Some(uid) = metadata.uid() else {
            return Vec::new();
        };
        let ties = Ties::of(metadata);
        if ties.is_none() && !self.objects.contains_key(&uid) && !self.needs(&uid) {
            return Vec::new();
        }
        let before = self.owners_of(&uid);
        let home = self.home(resource, &metadata.namespace);
        let object = Object { home, ties };
        for owner in object.owners() {
            self.dependents
                .entry(Uid::of(&owner.uid))
                .or_default()
                .insert(uid.clone());
        }
        let mut look = Vec::new();
        if object.waits_for_dependents() {
            look.extend(self.dependents_of(&uid));
        }
        if object.ties.is_some() {
            look.push(uid.clone());
        }
        self.objects.insert(uid.clone(), object);
        let now = self.owners_of(&uid);
        for owner in before.iter().filter(|owner| !now.contains(owner)) {
            self.untie(&uid, owner);
        }
        self.forget_unless_needed(&uid);
        // A waiting owner may have lost the last dependent it waits for.
        look.extend(before);
        look
    }

    /// Forgets an object; returns the UIDs that should be looked at: its dependents and its owners.
    pub(super) fn remove(&mut self, uid: &Uid) -> Vec<Uid> {
        self.removals += 1;
        let owners = self.owners_of(uid);
        self.forget(uid);
        for owner in &owners {
            self.untie(uid, owner);
        }
        let mut look = self.dependents_of(uid);
        look.extend(owners);
        look
    }

    /// Says that every resource has been listed.
    pub(super) fn complete(&mut self) {
        self.complete = true;
        let untied = self.objects.iter().filter(|(_, it)| it.ties.is_none());
        let untied: Vec<_> = untied.map(|(uid, _)| uid.clone()).collect();
        for uid in untied {
            self.forget_unless_needed(&uid);
        }
        self.objects.shrink_to_fit();
    }

    /// How many objects were seen to go.
    pub(super) fn removals(&self) -> u64 {
        self.removals
    }

    /// Keeps an owner of which the server said that it is there, unless objects went since there were so many
    /// `removals`: it may have been one of them.
    pub(super) fn met(&mut self, uid: &Uid, home: (&Arc<Resource>, &str), removals: u64) {
        let news = self.dependents.contains_key(uid) && !self.objects.contains_key(uid);
        if news && self.removals == removals {
            let home = self.home(home.0, home.1);
            self.objects
                .insert(uid.clone(), Object { home, ties: None });
        }
    }

    /// Takes a dependent off an owner.
    fn untie(&mut self, uid: &Uid, owner: &Uid) {
        if let Some(dependents) = self.dependents.get_mut(owner) {
            dependents.remove(uid);
            if dependents.is_empty() {
                self.dependents.remove(owner);
                self.forget_unless_needed(owner);
            }
        }
    }

    fn forget_unless_needed(&mut self, uid: &Uid) {
        let tied = self.objects.get(uid).is_some_and(|it| it.ties.is_some());
        if !tied && !self.needs(uid) {
            self.forget(uid);
        }
    }

    /// Whether an object without ties is kept.
    fn needs(&self, uid: &Uid) -> bool {
        !self.complete || self.dependents.contains_key(uid)
    }

    fn forget(&mut self, uid: &Uid) {
        if let Some(object) = self.objects.remove(uid) {
            // This object's and the set's own: nobody lives there any more.
            if Arc::strong_count(&object.home) == 2 {
                self.homes.remove(&object.home);
            }
        }
    }

    fn owners_of(&self, uid: &Uid) -> Vec<Uid> {
        let owners = self.objects.get(uid).map_or(&[][..], Object::owners);
        owners.iter().map(|owner| Uid::of(&owner.uid)).collect()
    }

    fn home(&mut self, resource: &Arc<Resource>, namespace: &str) -> Arc<Home> {
        let home = Home {
            resource: Arc::clone(resource),
            namespace: namespace.to_owned(),
        };
        if let Some(known) = self.homes.get(&home) {
            return Arc::clone(known);
        }
        let home = Arc::new(home);
        self.homes.insert(Arc::clone(&home));
        home
    }

    /// Remembers that an owner lets its dependents go, those too that are not seen yet.
    pub(super) fn let_go(&mut self, owner: Uid) {
        if self.has_let_go(&owner) {
            return;
        }
        if self.let_go.len() == LET_GO {
            self.let_go.pop_front();
        }
        self.let_go.push_back(owner);
    }

    /// Whether this owner let its dependents go, a short while ago.
    pub(super) fn has_let_go(&self, owner: &Uid) -> bool {
        self.let_go.contains(owner)
    }

    pub(super) fn get(&self, uid: &Uid) -> Option<&Object> {
        self.objects.get(uid)
    }

    pub(super) fn dependents_of(&self, uid: &Uid) -> Vec<Uid> {
        self.dependents
            .get(uid)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Whether a dependent that blocks its owner's deletion is left.
    pub(super) fn is_blocked(&self, uid: &Uid) -> bool {
        let mut dependents = self.dependents.get(uid).into_iter().flatten();
        dependents.any(|dependent| {
            let owners = self.objects.get(dependent).map_or(&[][..], Object::owners);
            owners.iter().any(|owner| {
                owner.block_owner_deletion == Some(true) && Uid::of(&owner.uid) == *uid
            })
        })
    }

    /// The UIDs of a resource's objects that are not `present` any more: of those that are kept, and of unknown
    /// owners, which may have been among them.
    pub(super) fn absent(&self, resource: &Resource, present: &HashSet<Uid>) -> Vec<Uid> {
        let here = |object: &Object| *object.home.resource == *resource;
        let kept = self.objects.iter().filter(|(_, object)| here(object));
        let named = self.dependents.keys();
        let unknown = named.filter(|uid| !self.objects.contains_key(uid));
        let all = kept.map(|(uid, _)| uid).chain(unknown);
        all.filter(|uid| !present.contains(uid)).cloned().collect()
    }
}
