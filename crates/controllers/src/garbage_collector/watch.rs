//! Feeding the graph: one metadata watch for each resource that can be deleted, listed and watched.

use super::{Shared, graph::Graph};
use crate::discovery::{self, Resource};
use bytes::Bytes;
use client::{Form, WatchStream};
use http::Method;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use std::{collections::HashSet, sync::Arc, time::Duration};
use stdx::{backoff::Backoff, tasks::Tasks};
use tokio::sync::oneshot;

const RETRY: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
/// Resources whose objects own nothing and are owned by nothing, as upstream ignores them.
const IGNORED: &[&str] = &["events"];

#[derive(Deserialize)]
struct List {
    metadata: Version,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    #[serde(default)]
    resource_version: String,
}

#[derive(Deserialize)]
struct Item {
    metadata: ObjectMeta,
}

/// Starts the watches and returns when each has listed once.
pub(super) async fn start(shared: &Arc<Shared>, tasks: &Tasks) {
    let mut failures = 0;
    let served = loop {
        match discovery::discover(&shared.client).await {
            Ok(served) => break served.resources,
            Err(error) => {
                tracing::debug!(%error, "the garbage collector cannot discover resources yet");
                tokio::time::sleep(RETRY.delay(failures)).await;
                failures += 1;
            }
        }
    };
    let mut listed = Vec::new();
    for resource in served {
        if !resource.supports(&["delete", "list", "watch"])
            || IGNORED.contains(&resource.plural.as_str())
        {
            continue;
        }
        let (sender, receiver) = oneshot::channel();
        listed.push(receiver);
        let shared = Arc::clone(shared);
        tasks.spawn("garbage collector watch", async move {
            follow(&shared, &Arc::new(resource), sender).await;
        });
    }
    for receiver in listed {
        let _ = receiver.await;
    }
}

async fn follow(shared: &Shared, resource: &Arc<Resource>, first: oneshot::Sender<()>) {
    let (mut first, mut failures) = (Some(first), 0);
    loop {
        match list_and_watch(shared, resource, &mut first).await {
            Ok(()) => failures = 0,
            Err(error) => {
                tracing::debug!(resource = resource.plural, %error, "listing and watching again");
                tokio::time::sleep(RETRY.delay(failures)).await;
                failures += 1;
            }
        }
    }
}

async fn list_and_watch(
    shared: &Shared,
    resource: &Arc<Resource>,
    first: &mut Option<oneshot::Sender<()>>,
) -> Result<(), client::Error> {
    let path = resource.path("");
    let body = shared
        .client
        .call(Method::GET, &path, "", Bytes::new(), Form::Metadata)
        .await?;
    let list: List = decode(resource, &body)?;
    fill(shared, resource, list.items);
    if let Some(first) = first.take() {
        let _ = first.send(());
    }
    let mut position = list.metadata.resource_version;
    loop {
        let watched = path
            .clone()
            .query("watch", "true")
            .query("allowWatchBookmarks", "true")
            .query_if("resourceVersion", &position);
        let mut events: WatchStream<Item> = shared.client.watch_at(watched, Form::Metadata).await?;
        while let Some(frame) = events.next_frame().await? {
            let item: Item = decode(resource, frame.object.get().as_bytes())?;
            if let Some(revision) = &item.metadata.resource_version {
                position.clone_from(revision);
            }
            see(shared, resource, &frame.kind, &item.metadata);
        }
    }
}

fn decode<T: serde::de::DeserializeOwned>(
    resource: &Resource,
    json: &[u8],
) -> Result<T, client::Error> {
    serde_json::from_slice(json).map_err(|error| client::Error::Answer {
        request: resource.plural.clone(),
        detail: error.to_string(),
    })
}

fn fill(shared: &Shared, resource: &Arc<Resource>, items: Vec<Item>) {
    let present: HashSet<_> = items
        .iter()
        .filter_map(|item| item.metadata.uid.clone())
        .collect();
    let look = {
        let mut graph = shared.graph.lock();
        let mut look = forget_absent(&mut graph, resource, &present);
        for item in &items {
            look.extend(graph.put(resource, &item.metadata));
        }
        look
    };
    look.into_iter().for_each(|uid| shared.queue.add(uid));
}

fn forget_absent(graph: &mut Graph, resource: &Resource, present: &HashSet<String>) -> Vec<String> {
    let gone = graph
        .uids_of(resource)
        .into_iter()
        .filter(|uid| !present.contains(uid));
    gone.collect::<Vec<_>>()
        .iter()
        .flat_map(|uid| graph.remove(uid))
        .collect()
}

fn see(shared: &Shared, resource: &Arc<Resource>, kind: &str, metadata: &ObjectMeta) {
    let look = match (kind, metadata.uid.as_deref()) {
        ("ADDED" | "MODIFIED", Some(_)) => shared.graph.lock().put(resource, metadata),
        ("DELETED", Some(uid)) => shared.graph.lock().remove(uid),
        _ => Vec::new(),
    };
    look.into_iter().for_each(|uid| shared.queue.add(uid));
}
