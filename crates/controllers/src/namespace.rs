//! Promise: a namespace that is being deleted is emptied of everything it holds, says in its conditions
//! what still keeps it, and then goes. Upstream: namespace-controller.

use crate::{Context, discovery};
use async_trait::async_trait;
use bytes::Bytes;
use client::{DeleteOptions, Form};
use http::Method;
use k8s_openapi::{
    api::core::v1::{Namespace, NamespaceCondition, Pod},
    apimachinery::pkg::apis::meta::v1::Time,
};
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Wiring, Writes};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use stdx::clock::Clock;

pub(crate) const NAME: &str = "namespace-controller";
const FINALIZER: &str = "kubernetes";
/// How soon to look again at a namespace whose content goes by itself (finalizers, grace periods).
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Whether a namespace exists and is not being deleted.
pub(crate) fn is_active(namespaces: &Cache<Namespace>, name: &str) -> bool {
    namespaces
        .get("", name)
        .is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_none())
}

pub(crate) struct Namespaces {
    namespaces: Arc<Cache<Namespace>>,
    clock: Clock,
}

/// What is left in a namespace after everything was told to go.
#[derive(Debug, Default, PartialEq, Eq)]
struct Remaining {
    /// Resource name (`pods.`) to how many.
    counts: BTreeMap<String, usize>,
    /// Finalizer to how many objects wait for it.
    finalizers: BTreeMap<String, usize>,
    content_failures: Vec<String>,
    discovery_failures: Vec<String>,
}

impl Remaining {
    fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

#[derive(Deserialize)]
struct MetadataList {
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
}

impl Namespaces {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            namespaces: context.caches.of(),
            clock: context.clock.clone(),
        }
    }

    async fn empty(&self, name: &str, writes: &Writes) -> Result<Remaining, Error> {
        let served = discovery::discover(writes.client()).await?;
        let mut remaining = Remaining {
            discovery_failures: served.failures,
            ..Remaining::default()
        };
        for resource in &served.resources {
            let emptied = resource.namespaced && resource.supports(&["list", "deletecollection"]);
            if emptied
                && let Err(error) = self.empty_of(resource, name, writes, &mut remaining).await
            {
                remaining.content_failures.push(error.to_string());
            }
        }
        Ok(remaining)
    }

    async fn empty_of(
        &self,
        resource: &discovery::Resource,
        namespace: &str,
        writes: &Writes,
        remaining: &mut Remaining,
    ) -> Result<(), client::Error> {
        if list(resource, namespace, writes).await?.is_empty() {
            return Ok(());
        }
        let path = resource.path(namespace);
        let options = DeleteOptions {
            propagation: Some("Background"),
            ..DeleteOptions::default()
        };
        writes.client().delete_at(&path, &options).await?;
        let left = list(resource, namespace, writes).await?;
        if !left.is_empty() {
            let name = format!("{}.{}", resource.plural, resource.group);
            remaining.counts.insert(name, left.len());
        }
        for finalizer in left
            .into_iter()
            .flat_map(|item| item.metadata.finalizers.unwrap_or_default())
        {
            *remaining.finalizers.entry(finalizer).or_insert(0) += 1;
        }
        Ok(())
    }
}

async fn list(
    resource: &discovery::Resource,
    namespace: &str,
    writes: &Writes,
) -> Result<Vec<Item>, client::Error> {
    let path = resource.path(namespace);
    let body = writes
        .client()
        .call(Method::GET, &path, "", Bytes::new(), Form::Metadata)
        .await?;
    let list: MetadataList =
        serde_json::from_slice(&body).map_err(|error| client::Error::Answer {
            request: path.as_str().to_owned(),
            detail: error.to_string(),
        })?;
    Ok(list.items)
}

#[async_trait]
impl Reconcile for Namespaces {
    fn name(&self) -> &'static str {
        NAME
    }

    /// The key is the namespace; its last pod going is the usual thing it waits for.
    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<Namespace>();
        let namespaces = Arc::clone(&self.namespaces);
        wiring.on::<Pod>(move |change| {
            let gone = change.old.as_ref().filter(|_| change.new.is_none());
            gone.and_then(|pod| pod.metadata.namespace.as_deref())
                .filter(|name| !is_active(&namespaces, name))
                .map(|name| Key::new("", name))
                .into_iter()
                .collect()
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(namespace) = self.namespaces.get_key(key) else {
            return Ok(Outcome::Done);
        };
        if namespace.metadata.deletion_timestamp.is_none() || !has_finalizer(&namespace) {
            return Ok(Outcome::Done);
        }
        let remaining = self.empty(&key.name, writes).await?;
        let mut changed = (*namespace).clone();
        let conditions = conditions(&remaining);
        if set_conditions(&mut changed, &conditions, &self.clock) {
            changed = writes.update_status(&changed).await?;
        }
        if !remaining.is_empty() {
            return Ok(Outcome::After(LOOK_AGAIN));
        }
        if let Some(finalizers) = changed
            .spec
            .as_mut()
            .and_then(|spec| spec.finalizers.as_mut())
        {
            finalizers.retain(|finalizer| finalizer != FINALIZER);
        }
        match writes.update_subresource("finalize", &changed).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(Outcome::Done),
        }
    }
}

fn has_finalizer(namespace: &Namespace) -> bool {
    namespace
        .spec
        .as_ref()
        .and_then(|spec| spec.finalizers.as_ref())
        .is_some_and(|finalizers| finalizers.iter().any(|finalizer| finalizer == FINALIZER))
}

/// Type, whether it is true, reason and message of each of upstream's five conditions.
fn conditions(remaining: &Remaining) -> Vec<(&'static str, bool, &'static str, String)> {
    let counted = |counts: &BTreeMap<String, usize>, what: &str| {
        let list: Vec<_> = counts
            .iter()
            .map(|(name, count)| format!("{name} {what} {count} resource instances"))
            .collect();
        list.join(", ")
    };
    let row =
        |kind, bad: bool, reason: (&'static str, &'static str), message: String, fine: &str| {
            if bad {
                (kind, true, reason.0, message)
            } else {
                (kind, false, reason.1, fine.to_owned())
            }
        };
    vec![
        row(
            "NamespaceDeletionDiscoveryFailure",
            !remaining.discovery_failures.is_empty(),
            ("DiscoveryFailed", "ResourcesDiscovered"),
            format!(
                "Discovery failed for some groups, {} failing: {}",
                remaining.discovery_failures.len(),
                remaining.discovery_failures.join(", ")
            ),
            "All resources successfully discovered",
        ),
        row(
            "NamespaceDeletionGroupVersionParsingFailure",
            false,
            ("GroupVersionParsingFailed", "ParsedGroupVersions"),
            String::new(),
            "All legacy kube types successfully parsed",
        ),
        row(
            "NamespaceDeletionContentFailure",
            !remaining.content_failures.is_empty(),
            ("ContentDeletionFailed", "ContentDeleted"),
            format!(
                "Failed to delete all resource types, {} remaining: {}",
                remaining.content_failures.len(),
                remaining.content_failures.join(", ")
            ),
            "All content successfully deleted, may be waiting on finalization",
        ),
        row(
            "NamespaceContentRemaining",
            !remaining.counts.is_empty(),
            ("SomeResourcesRemain", "ContentRemoved"),
            format!(
                "Some resources are remaining: {}",
                counted(&remaining.counts, "has")
            ),
            "All content successfully removed",
        ),
        row(
            "NamespaceFinalizersRemaining",
            !remaining.finalizers.is_empty(),
            ("SomeFinalizersRemain", "ContentHasNoFinalizers"),
            format!(
                "Some content in the namespace has finalizers remaining: {}",
                counted(&remaining.finalizers, "in")
            ),
            "All content-preserving finalizers finished",
        ),
    ]
}

/// Sets the conditions; false when nothing changed. Upstream keeps quiet about a condition that is fine
/// and was never bad.
fn set_conditions(
    namespace: &mut Namespace,
    wanted: &[(&'static str, bool, &'static str, String)],
    clock: &Clock,
) -> bool {
    let conditions = namespace
        .status
        .get_or_insert_default()
        .conditions
        .get_or_insert_default();
    let mut changed = false;
    for (kind, holds, reason, message) in wanted {
        let status = if *holds { "True" } else { "False" };
        let found = conditions
            .iter_mut()
            .find(|condition| condition.type_ == *kind);
        match found {
            Some(condition)
                if condition.status == status
                    && condition.message.as_deref() == Some(message.as_str()) => {}
            Some(condition) => {
                if condition.status != status {
                    condition.last_transition_time =
                        Some(Time(stdx::clock::whole_seconds(clock.now())));
                }
                status.clone_into(&mut condition.status);
                condition.reason = Some((*reason).to_owned());
                condition.message = Some(message.clone());
                changed = true;
            }
            None => {
                conditions.push(NamespaceCondition {
                    type_: (*kind).to_owned(),
                    status: status.to_owned(),
                    reason: Some((*reason).to_owned()),
                    message: Some(message.clone()),
                    last_transition_time: Some(Time(stdx::clock::whole_seconds(clock.now()))),
                });
                changed = true;
            }
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_say_what_is_left() {
        let remaining = Remaining {
            counts: BTreeMap::from([("pods.".to_owned(), 2)]),
            ..Remaining::default()
        };
        let all = conditions(&remaining);
        let (_, holds, reason, message) = &all[3];
        assert!(holds);
        assert_eq!(*reason, "SomeResourcesRemain");
        assert_eq!(
            message,
            "Some resources are remaining: pods. has 2 resource instances"
        );
        assert!(!all[4].1);
    }
}
