//! Who owns whom, by UID. Pure; kept small, since it knows every object of the cluster: of one that neither
//! has an owner nor is on its way out, only where it lives.

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
    /// Absent for an object that there is nothing to judge about.
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

/// Every object that is seen, and the dependents of every UID that is named as an owner.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    objects: HashMap<Uid, Object>,
    dependents: HashMap<Uid, HashSet<Uid>>,
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
        let home = self.home(resource, &metadata.namespace);
        let ties = Ties::of(metadata);
        let object = Object { home, ties };
        // A waiting owner may have lost the last dependent it waits for.
        let mut look = self.untie(&uid);
        for owner in object.owners() {
            self.dependents
                .entry(Uid::of(&owner.uid))
                .or_default()
                .insert(uid.clone());
        }
        if object.waits_for_dependents() {
            look.extend(self.dependents_of(&uid));
        }
        if object.ties.is_some() {
            look.push(uid.clone());
        }
        self.objects.insert(uid, object);
        look
    }

    /// Forgets an object; returns the UIDs that should be looked at: its dependents and its owners.
    pub(super) fn remove(&mut self, uid: &Uid) -> Vec<Uid> {
        let mut look = self.dependents_of(uid);
        look.extend(self.untie(uid));
        if let Some(object) = self.objects.remove(uid) {
            // This object's and the set's own: nobody lives there any more.
            if Arc::strong_count(&object.home) == 2 {
                self.homes.remove(&object.home);
            }
        }
        look
    }

    /// Takes an object off its owners, which are returned.
    fn untie(&mut self, uid: &Uid) -> Vec<Uid> {
        let owners = self.objects.get(uid).map_or(&[][..], Object::owners);
        let owners: Vec<_> = owners.iter().map(|owner| Uid::of(&owner.uid)).collect();
        for owner in &owners {
            if let Some(dependents) = self.dependents.get_mut(owner) {
                dependents.remove(uid);
                if dependents.is_empty() {
                    self.dependents.remove(owner);
                }
            }
        }
        owners
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

    /// The UIDs of a resource's objects.
    pub(super) fn uids_of(&self, resource: &Resource) -> Vec<Uid> {
        self.objects
            .iter()
            .filter(|(_, object)| *object.home.resource == *resource)
            .map(|(uid, _)| uid.clone())
            .collect()
    }

    /// The served resource of an owner's kind, as far as the graph has met it.
    pub(super) fn resource_of(&self, owner: &OwnerReference) -> Option<Arc<Resource>> {
        self.objects
            .get(&Uid::of(&owner.uid))
            .map(|object| Arc::clone(&object.home.resource))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_kept_and_nothing_is_left() {
        assert_eq!(size_of::<(Uid, Object)>(), 40);
        let resource = Arc::new(Resource {
            group: String::new(),
            version: "v1".into(),
            plural: "configmaps".into(),
            kind: "ConfigMap".into(),
            namespaced: true,
            verbs: vec![],
        });
        let mut graph = Graph::default();
        let see = |json: &str, graph: &mut Graph| {
            graph.put(&resource, &serde_json::from_str(json).unwrap())
        };
        let owned = r#"{"uid": "b", "name": "b", "namespace": "n", "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "a"}]}"#;
        assert_eq!(
            see(r#"{"uid": "a", "name": "a", "namespace": "n"}"#, &mut graph),
            []
        );
        assert_eq!(see(owned, &mut graph), [Uid::of("b")]);
        assert!(graph.get(&Uid::of("a")).unwrap().ties.is_none());
        assert_eq!(graph.homes.len(), 1);
        assert_eq!(graph.remove(&Uid::of("a")), [Uid::of("b")]);
        assert_eq!(graph.remove(&Uid::of("b")), [Uid::of("a")]);
        assert!(graph.objects.is_empty() && graph.dependents.is_empty() && graph.homes.is_empty());
    }

    #[test]
    fn the_latest_owners_that_let_go_are_remembered_once() {
        let mut graph = Graph::default();
        for number in 0..=LET_GO {
            graph.let_go(Uid::of(&number.to_string()));
            graph.let_go(Uid::of(&number.to_string()));
        }
        assert_eq!(graph.let_go.len(), LET_GO);
        assert!(!graph.has_let_go(&Uid::of("0")));
        assert!(graph.has_let_go(&Uid::of("1")));
    }
}
