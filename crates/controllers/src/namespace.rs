//! Promise: a namespace that is being deleted is emptied of everything it holds, says in its conditions
//! what still keeps it, and then goes. Upstream: namespace-controller.

mod conditions;

use crate::{
    Context, discovery,
    pages::{self, Page},
};
use async_trait::async_trait;
use bytes::Bytes;
use client::{Client, DeleteOptions, Form, Path};
use conditions::Remaining;
use http::Method;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Wiring, Writes};
use serde::{Deserialize, de::IgnoredAny};
use std::{sync::Arc, time::Duration};
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

#[derive(Deserialize)]
struct Item {
    metadata: Held,
}

/// What may hold an object back.
#[derive(Deserialize)]
struct Held {
    #[serde(default)]
    finalizers: Vec<String>,
}

impl Namespaces {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            namespaces: context.caches.of(),
            clock: context.clock.clone(),
        }
    }

    /// Tells everything to go. Pods go first, alone: what they run may need the rest until they have ended.
    async fn empty(&self, name: &str, writes: &Writes) -> Remaining {
        let mut remaining = Remaining::default();
        let mut resources = match discovery::discover(writes.client()).await {
            Ok(served) => {
                remaining.discovery_failures = served.failures;
                remaining.parsing_failures = served.malformed;
                served.resources
            }
            Err(error) => {
                remaining.discovery_failed = Some(error.to_string());
                Vec::new()
            }
        };
        resources.sort_by_key(|resource| !is_pods(resource));
        for resource in &resources {
            let emptied = resource.namespaced && resource.supports(&["list", "deletecollection"]);
            if emptied
                && let Err(error) = self.empty_of(resource, name, writes, &mut remaining).await
            {
                remaining.content_failures.push(error.to_string());
            }
            if is_pods(resource) && !remaining.counts.is_empty() {
                break;
            }
        }
        remaining.content_failures.sort();
        remaining
    }

    async fn empty_of(
        &self,
        resource: &discovery::Resource,
        namespace: &str,
        writes: &Writes,
        remaining: &mut Remaining,
    ) -> Result<(), client::Error> {
        let (client, path) = (writes.client(), resource.path(namespace));
        if is_empty(client, &path).await? {
            return Ok(());
        }
        let options = DeleteOptions {
            propagation: Some("Background"),
            ..DeleteOptions::default()
        };
        let delete = (Method::DELETE, &path);
        pages::each::<IgnoredAny>(client, delete, options.body(), drop).await?;
        let mut left = 0;
        let count = |items: Vec<Item>| {
            left += items.len();
            for finalizer in items.into_iter().flat_map(|item| item.metadata.finalizers) {
                *remaining.finalizers.entry(finalizer).or_insert(0) += 1;
            }
        };
        pages::each(client, (Method::GET, &path), Bytes::new(), count).await?;
        if left > 0 {
            let name = format!("{}.{}", resource.plural, resource.group);
            remaining.counts.insert(name, left);
        }
        Ok(())
    }
}

fn is_pods(resource: &discovery::Resource) -> bool {
    resource.group.is_empty() && resource.plural == "pods"
}

async fn is_empty(client: &Client, path: &Path) -> Result<bool, client::Error> {
    let first = path.clone().query("limit", "1");
    let answer = client.call(Method::GET, &first, "", Bytes::new(), Form::Metadata);
    let json = answer.await?;
    let page: Page<IgnoredAny> = path.read(&json)?;
    Ok(page.items.is_empty())
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
        let remaining = self.empty(&key.name, writes).await;
        let mut changed = (*namespace).clone();
        let status = changed.status.get_or_insert_default();
        if conditions::set(status, &remaining, self.clock.now()) {
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
