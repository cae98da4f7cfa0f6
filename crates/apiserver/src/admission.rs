//! Admission: what is asked of a write beyond the law of its kind. A step mutates before the law
//! prepares, judges after it validated, and may add claims: keys that are written, or must hold, in
//! the object's own transaction. One file for each step; the only place that knows single kinds.

mod default_ingress_class;
mod default_storage_class;
mod default_toleration_seconds;
mod device_admin_access;
pub(crate) mod disruption_budget;
mod limit_ranger;
mod namespace_lifecycle;
mod persistent_volume_claim_resize;
mod plugins;
mod priority;
mod resource_quota;
mod runtime_class;
mod service_account;
pub(crate) mod service_address;
mod storage_object_in_use;
mod taint_nodes_by_condition;

pub use plugins::{SwitchError, standard, switched};

use crate::{Door, User};
use api::AnyObject;
use bytes::Bytes;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use machinery::status::Status;
use std::cmp::Reverse;
use store::{Condition, Revision, Transaction};

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new object.
    Create,
    /// A change of an object.
    Update,
    /// A deletion.
    Delete,
}

/// A write under review.
pub struct Review<'a> {
    /// What is being done.
    pub operation: Operation,
    /// Group of the stored form.
    pub group: &'a str,
    /// Kind of the object.
    pub kind: &'a str,
    /// Resource.
    pub plural: &'a str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Namespace of the path.
    pub namespace: &'a str,
    /// Name of the path; empty for a create.
    pub name: &'a str,
    /// Subresource of the path.
    pub subresource: &'a str,
    /// Who asks.
    pub user: &'a User,
    /// When.
    pub now: Timestamp,
    /// Nothing will be stored.
    pub dry_run: bool,
    /// The object as it is wished, in its stored form; absent for a deletion.
    pub object: Option<Box<dyn AnyObject>>,
    /// The object as it is; absent for a create.
    pub old: Option<&'a dyn AnyObject>,
    pub(crate) door: &'a Door,
}

impl Review<'_> {
    /// The wished object as its own type.
    pub fn wished<T: api::Object>(&mut self) -> Option<&mut T> {
        self.object.as_deref_mut().and_then(|it| it.downcast_mut())
    }

    /// The object as it will be, when it is of this type.
    #[must_use]
    pub fn after<T: api::Object>(&self) -> Option<&T> {
        self.object.as_deref().and_then(|it| it.downcast_ref())
    }

    /// The object as it is, when it is of this type.
    #[must_use]
    pub fn before<T: api::Object>(&self) -> Option<&T> {
        self.old.and_then(|it| it.downcast_ref())
    }

    /// Whether an object of this resource is being made or changed.
    #[must_use]
    pub fn writes(&self, group: &str, plural: &str) -> bool {
        self.operation != Operation::Delete && self.subresource.is_empty() && self.is(group, plural)
    }

    /// Whether a new object of this resource is being made.
    #[must_use]
    pub fn creates(&self, group: &str, plural: &str) -> bool {
        self.operation == Operation::Create && self.subresource.is_empty() && self.is(group, plural)
    }

    /// Whether it is about this resource.
    #[must_use]
    pub fn is(&self, group: &str, plural: &str) -> bool {
        // Few plurals are equal, many groups are.
        self.plural == plural && self.group == group
    }

    /// Another object, as it is now.
    #[must_use]
    pub fn find<T: api::Object>(&self, namespace: &str, name: &str) -> Option<T> {
        let slot = self.slot(T::GROUP, T::URL_PATH_SEGMENT)?;
        let item = self.door.cache.get(slot, namespace, name)?;
        T::decode(&item.bytes()).ok()
    }

    /// Some fields of another object; cheaper than reading all of it.
    pub(crate) fn outline<T: serde::de::DeserializeOwned>(
        &self,
        group: &str,
        plural: &str,
        namespace: &str,
        name: &str,
    ) -> Option<T> {
        let slot = self.slot(group, plural)?;
        let item = self.door.cache.get(slot, namespace, name)?;
        serde_json::from_slice(item.json()).ok()
    }

    /// Whether another object is there; cheaper than reading it.
    #[must_use]
    pub fn exists(&self, group: &str, plural: &str, namespace: &str, name: &str) -> bool {
        let slot = self.slot(group, plural);
        slot.is_some_and(|it| self.door.cache.get(it, namespace, name).is_some())
    }

    /// All objects of a kind in a namespace (empty: in all).
    #[must_use]
    pub fn all<T: api::Object>(&self, namespace: &str) -> Vec<T> {
        let Some(slot) = self.slot(T::GROUP, T::URL_PATH_SEGMENT) else {
            return Vec::new();
        };
        let selection = crate::watch_cache::Selection::of_namespace(namespace);
        let page = self.door.cache.list(slot, &selection, 0);
        page.items
            .iter()
            .filter_map(|item| T::decode(&item.bytes()).ok())
            .collect()
    }

    /// The name of the class with one of these annotations, the newest if there are several.
    #[must_use]
    pub fn default_class<T: api::Object>(&self, annotations: &[&str]) -> Option<String> {
        let is_default = |it: &ObjectMeta| {
            let own = it.annotations.iter().flatten();
            own.into_iter()
                .any(|(key, value)| annotations.contains(&key.as_str()) && value == "true")
        };
        self.all::<T>("")
            .iter()
            .map(AnyObject::metadata)
            .filter(|it| is_default(it))
            .max_by_key(|it| (it.creation_timestamp.clone(), Reverse(it.name.clone())))
            .and_then(|it| it.name.clone())
    }

    fn slot(&self, group: &str, plural: &str) -> Option<usize> {
        Some(self.door.resources.find_any(group, plural)?.slot)
    }

    /// Whether somebody holds a claim, as far as is known here; the transaction decides.
    #[must_use]
    pub fn is_claimed(&self, key: &str) -> bool {
        self.door.cache.claim(key).is_some()
    }

    /// That a claim is still as it is known here.
    #[must_use]
    pub fn as_seen(&self, key: String) -> Condition {
        match self.door.cache.claim(&key) {
            Some(revision) => Condition::AtRevision(key, revision),
            None => Condition::Absent(key),
        }
    }

    /// The store key of an object.
    #[must_use]
    pub fn key(&self, group: &str, plural: &str, namespace: &str, name: &str) -> Option<String> {
        Some(
            self.door
                .resources
                .find_any(group, plural)?
                .key(namespace, name),
        )
    }

    /// Randomness for names.
    #[must_use]
    pub fn random(&self) -> &stdx::random::Random {
        &self.door.config.random
    }

    /// Where Services live.
    #[must_use]
    pub fn network(&self) -> &crate::ServiceNetwork {
        &self.door.config.network
    }

    /// 403 about the object: `pods "x" is forbidden: because`.
    #[must_use]
    pub fn forbidden(&self, because: &str) -> Status {
        let named = machinery::status::Resource {
            group: self.group,
            plural: self.plural,
        };
        let own = self
            .object
            .as_deref()
            .and_then(|it| it.metadata().name.as_deref());
        Status::forbidden(named, own.unwrap_or(self.name), because)
    }
}

/// Keys that join the object's transaction.
#[derive(Debug, Default)]
pub struct Claims {
    conditions: Vec<Condition>,
    taken: Vec<(String, Bytes)>,
    released: Vec<String>,
}

impl Claims {
    /// Takes a key that nobody may hold.
    pub fn take(&mut self, key: impl Into<String>, owner: impl Into<Bytes>) {
        let key = key.into();
        self.conditions.push(Condition::Absent(key.clone()));
        self.taken.push((key, owner.into()));
    }

    /// Writes a key, whoever wrote it before.
    pub fn write(&mut self, key: impl Into<String>) {
        self.taken.push((key.into(), Bytes::new()));
    }

    /// Writes another object, if it is still as it was at `revision`.
    pub fn replace(&mut self, key: String, revision: Revision, bytes: Bytes) {
        self.conditions
            .push(Condition::AtRevision(key.clone(), revision));
        self.taken.push((key, bytes));
    }

    /// Gives a key back.
    pub fn release(&mut self, key: impl Into<String>) {
        self.released.push(key.into());
    }

    /// Demands that something holds when the object is written.
    pub fn require(&mut self, condition: Condition) {
        self.conditions.push(condition);
    }

    pub(crate) fn join(self, mut transaction: Transaction) -> Transaction {
        transaction.conditions.extend(self.conditions);
        for (key, owner) in self.taken {
            transaction = transaction.and_put(key, owner);
        }
        for key in self.released {
            transaction = transaction.and_delete(key);
        }
        transaction
    }
}

/// One step.
pub trait Admit: Send + Sync {
    /// Whether the step has anything to say.
    fn handles(&self, review: &Review<'_>) -> bool;

    /// Changes the wished object.
    ///
    /// # Errors
    /// The Status for the client.
    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        let _ = review;
        Ok(())
    }

    /// Refuses, or claims.
    ///
    /// # Errors
    /// The Status for the client.
    fn judge(&self, review: &Review<'_>, claims: &mut Claims) -> Result<(), Status> {
        let _ = (review, claims);
        Ok(())
    }
}
