//! Promise: the status of a ResourceQuota says what its namespace uses of what it bounds. The door
//! charges a quota for what is made and gives back what is deleted; counted here is what a new or
//! changed quota finds, and what stops to count by itself: pods that end or outstay their grace.
//! Upstream: resourcequota-controller.

use crate::{
    Context,
    discovery::{self, Resource},
};
use api::{AnyObject, Object};
use async_trait::async_trait;
use bytes::Bytes;
use client::{Client, Form, ListOptions};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, Pod, ResourceQuota, ResourceQuotaSpec, Service,
};
use machinery::{
    pods,
    quantity::{Amounts, Format, Quantity, amounts, to_wire_map},
    quota::{self, Subject},
};
use reconcile::{Cache, Change, Error, Key, Outcome, Reconcile, Wiring, Writes};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use stdx::clock::Clock;

pub(crate) const NAME: &str = "resourcequota-controller";

/// Everything is counted again this often, as upstream does.
const RESYNC: Duration = Duration::from_secs(5 * 60);
/// Resources that are counted from their objects, not by number.
const MEASURED: [&str; 3] = ["persistentvolumeclaims", "pods", "services"];

pub(crate) struct ResourceQuotas {
    quotas: Arc<Cache<ResourceQuota>>,
    clock: Clock,
}

impl ResourceQuotas {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            quotas: context.caches.of(),
            clock: context.clock.clone(),
        }
    }
}

/// Whether the status cannot be about the spec.
fn is_stale(quota: &ResourceQuota) -> bool {
    let spec = quota.spec.as_ref().and_then(|it| it.hard.as_ref());
    let status = quota.status.as_ref();
    let hard = status.and_then(|it| it.hard.as_ref());
    amounts(spec) != amounts(hard) || status.is_none_or(|it| it.used.is_none())
}

/// Whether a pod may count otherwise than before, with nobody having charged for it.
fn counts_otherwise(change: &Change<Pod>) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else {
        return false;
    };
    let deadline = |pod: &Pod| pod.spec.as_ref().and_then(|it| it.active_deadline_seconds);
    pods::is_terminal(old) != pods::is_terminal(new)
        || quota::outstays(old) != quota::outstays(new)
        || deadline(old) != deadline(new)
}

#[async_trait]
impl Reconcile for ResourceQuotas {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on::<ResourceQuota>(|change| match (&change.old, &change.new) {
            (old, Some(new)) if old.is_none() || is_stale(new) => vec![Key::of(&new.metadata)],
            _ => Vec::new(),
        });
        let quotas = Arc::clone(&self.quotas);
        wiring.on::<Pod>(move |change| {
            let Some(pod) = change.latest().filter(|_| counts_otherwise(change)) else {
                return Vec::new();
            };
            let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
            let quotas = quotas.list_in(namespace).into_iter();
            quotas.map(|it| Key::of(&it.metadata)).collect()
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(quota) = self.quotas.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let spec = quota.spec.clone().unwrap_or_default();
        let mut count = Count {
            client: writes.client(),
            namespace: &key.namespace,
            names: spec.hard.iter().flatten().map(|it| it.0.clone()).collect(),
            spec: &spec,
            now: self.clock.now(),
            used: Amounts::new(),
        };
        // Read after the quota: what came since then charged it, and the write below conflicts.
        let next = count.all().await?;
        let mut status = quota.status.clone().unwrap_or_default();
        if is_stale(&quota) || amounts(status.used.as_ref()) != count.used {
            status.used = Some(to_wire_map(&count.used));
            status.hard.clone_from(&spec.hard);
            let mut changed = (*quota).clone();
            changed.status = Some(status);
            writes.update_status(&changed).await?;
        }
        Ok(Outcome::After(next.map_or(RESYNC, |it| it.min(RESYNC))))
    }
}

/// One count of everything that a quota bounds.
struct Count<'a> {
    client: &'a Client,
    namespace: &'a str,
    spec: &'a ResourceQuotaSpec,
    names: Vec<String>,
    now: Timestamp,
    used: Amounts,
}

impl Count<'_> {
    /// Counts; and says after how long a pod will stop to count by itself.
    async fn all(&mut self) -> Result<Option<Duration>, Error> {
        self.measure::<Service>("services").await?;
        self.measure::<PersistentVolumeClaim>("persistentvolumeclaims")
            .await?;
        let pods = self.measure::<Pod>("pods").await?;
        self.number().await?;
        let until = |at: Timestamp| {
            // Just past the moment: until it has passed the pod counts.
            let left = at.duration_since(self.now) + SignedDuration::from_secs(1);
            Duration::try_from(left).unwrap_or(Duration::ZERO)
        };
        let ends = pods.iter().filter(|pod| !pods::is_terminal(pod));
        let next = ends
            .filter_map(quota::outstays)
            .filter(|at| *at >= self.now);
        Ok(next.min().map(until))
    }

    /// The names that are about this resource; they begin at zero.
    fn begin(&mut self, group: &str, plural: &str) -> Vec<String> {
        let own = self.names.iter();
        let own: Vec<String> = own
            .filter(|name| quota::concerns(group, plural, name))
            .cloned()
            .collect();
        for name in &own {
            self.used.entry(name.clone()).or_default();
        }
        own
    }

    async fn measure<T: Object>(&mut self, plural: &str) -> Result<Vec<T>, Error> {
        if self.begin("", plural).is_empty() {
            return Ok(Vec::new());
        }
        let listed = self
            .client
            .list::<T>(self.namespace, &ListOptions::default())
            .await?;
        for object in &listed.items {
            let subject = Subject {
                group: "",
                plural,
                object: object as &dyn AnyObject,
            };
            if subject.is_selected(self.spec, &self.names) {
                for (name, amount) in subject.usage(self.now) {
                    if let Some(sum) = self.used.get_mut(&name) {
                        *sum += amount;
                    }
                }
            }
        }
        Ok(listed.items)
    }

    /// Counts the objects of the other resources that are bounded by number.
    async fn number(&mut self) -> Result<(), Error> {
        let missing = |name: &&String| !self.used.contains_key(*name);
        if !self.names.iter().any(|name| missing(&name)) {
            return Ok(());
        }
        let served = discovery::discover(self.client).await?.resources;
        let counted = served
            .iter()
            .filter(|it| it.namespaced && it.supports(&["list"]) && !is_measured(it));
        for resource in counted {
            let own = self.begin(&resource.group, &resource.plural);
            if own.is_empty() {
                continue;
            }
            let count = if is_scoped(self.spec) {
                0
            } else {
                count(self.client, resource, self.namespace).await?
            };
            let count = Quantity::from_units(count, Format::DecimalSi);
            for name in own {
                self.used.insert(name, count);
            }
        }
        Ok(())
    }
}

fn is_measured(resource: &Resource) -> bool {
    resource.group.is_empty() && MEASURED.contains(&resource.plural.as_str())
}

/// Scopes select pods and claims only.
fn is_scoped(spec: &ResourceQuotaSpec) -> bool {
    spec.scopes.as_ref().is_some_and(|it| !it.is_empty())
        || spec.scope_selector.as_ref().is_some_and(|it| {
            it.match_expressions
                .as_ref()
                .is_some_and(|it| !it.is_empty())
        })
}

#[derive(Deserialize)]
struct Page {
    metadata: PageMetadata,
    #[serde(default)]
    items: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMetadata {
    #[serde(default)]
    remaining_item_count: i64,
}

/// How many objects there are: one of them, and how many follow it.
async fn count(client: &Client, resource: &Resource, namespace: &str) -> Result<i64, Error> {
    let path = resource.path(namespace).query("limit", "1");
    let body = client
        .call(Method::GET, &path, "", Bytes::new(), Form::Metadata)
        .await?;
    let page: Page = serde_json::from_slice(&body)
        .map_err(|error| Error::Other(format!("cannot count {}: {error}", resource.plural)))?;
    let first = i64::try_from(page.items.len()).unwrap_or(0);
    Ok(first + page.metadata.remaining_item_count)
}
