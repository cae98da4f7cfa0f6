//! Feeding the graph: one metadata watch for each resource that can be deleted, listed and watched.

use super::{
    Shared,
    graph::{Graph, Metadata},
    uid::Uid,
};
use crate::{
    discovery::{self, Resource},
    pages::{self, Page},
};
use bytes::Bytes;
use client::{Form, Frame, Path, WatchStream};
use futures::FutureExt as _;
use http::Method;
use serde::Deserialize;
use std::{collections::HashSet, sync::Arc, time::Duration};
use stdx::{backoff::Backoff, tasks::Tasks};
use tokio::sync::oneshot;

const RETRY: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
/// Resources whose objects own nothing and are owned by nothing, as upstream ignores them.
const IGNORED: &[&str] = &["events"];

/// How long a watch rests when nothing more is there: nearly every object that is written concerns nobody
/// here, and one look at many costs far less than being woken for each. What comes after a rest is seen at once.
pub(super) const REST: Duration = Duration::from_millis(10);

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

/// Starts the watches and returns when each has listed once: what is served.
pub(super) async fn start(shared: &Arc<Shared>, tasks: &Tasks) -> Arc<[Arc<Resource>]> {
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
    let served: Arc<[_]> = served.into_iter().map(Arc::new).collect();
    let mut listed = Vec::new();
    for resource in served.iter() {
        if !resource.supports(&["delete", "list", "watch"])
            || IGNORED.contains(&resource.plural.as_str())
        {
            continue;
        }
        let (sender, receiver) = oneshot::channel();
        listed.push(receiver);
        let (shared, resource) = (Arc::clone(shared), Arc::clone(resource));
        tasks.spawn("garbage collector watch", async move {
            follow(&shared, &resource, sender).await;
        });
    }
    for receiver in listed {
        let _ = receiver.await;
    }
    shared.graph.lock().complete();
    served
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
    let mut position = list(shared, resource, &path).await?;
    if let Some(first) = first.take() {
        let _ = first.send(());
    }
    loop {
        let watched = path
            .clone()
            .query("watch", "true")
            .query("allowWatchBookmarks", "true")
            .query_if("resourceVersion", &position);
        let mut events: WatchStream<()> = shared.client.watch_at(watched, Form::Metadata).await?;
        while let Some(frame) = next(&mut events).await? {
            let item: Item<'_> = path.read(frame.object.get().as_bytes())?;
            if !item.metadata.resource_version.is_empty() {
                position.clear();
                position.push_str(&item.metadata.resource_version);
            }
            see(shared, resource, &frame.kind, &item.metadata);
        }
    }
}

/// The next frame; after a rest, unless it is there already.
async fn next(events: &mut WatchStream<()>) -> Result<Option<Frame>, client::Error> {
    if let Some(frame) = events.next_frame().now_or_never() {
        return frame;
    }
    tokio::time::sleep(REST).await;
    events.next_frame().await
}

/// Makes the graph equal to what there is, a page at a time; the revision to go on from.
async fn list(
    shared: &Shared,
    resource: &Arc<Resource>,
    path: &Path,
) -> Result<String, client::Error> {
    let mut present = HashSet::new();
    let mut next = String::new();
    loop {
        let page = pages::path(path, &next);
        let body = shared
            .client
            .call(Method::GET, &page, "", Bytes::new(), Form::Metadata)
            .await?;
        let list: Page<Item<'_>> = path.read(&body)?;
        for item in &list.items {
            present.extend(item.metadata.uid());
            see(shared, resource, "ADDED", &item.metadata);
        }
        next = list.metadata.next;
        if next.is_empty() {
            let look = forget_absent(&mut shared.graph.lock(), resource, &present);
            look.into_iter().for_each(|uid| shared.queue.add(uid));
            return Ok(list.metadata.resource_version);
        }
    }
}

fn forget_absent(graph: &mut Graph, resource: &Resource, present: &HashSet<Uid>) -> Vec<Uid> {
    let absent = graph.absent(resource, present);
    absent.iter().flat_map(|uid| graph.remove(uid)).collect()
}

fn see(shared: &Shared, resource: &Arc<Resource>, kind: &str, metadata: &Metadata<'_>) {
    let look = match (kind, metadata.uid()) {
        ("ADDED" | "MODIFIED", Some(_)) => shared.graph.lock().put(resource, metadata),
        ("DELETED", Some(uid)) => shared.graph.lock().remove(&uid),
        _ => Vec::new(),
    };
    look.into_iter().for_each(|uid| shared.queue.add(uid));
}
