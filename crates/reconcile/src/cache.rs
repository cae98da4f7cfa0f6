//! A shared cache of one kind: every object of it, decoded once and given out as `Arc`, kept
//! current by one watch. Upstream: the shared informer with its indexer.

use crate::Key;
use api::Object;
use client::{Client, ListOptions, WatchEvent};
use machinery::status::Status;
use parking_lot::RwLock;
use std::{
    collections::{BTreeMap, HashSet},
    ops::Bound,
    sync::Arc,
    time::Duration,
};
use stdx::backoff::Backoff;
use tokio::sync::watch;

/// Waits between attempts to list and watch when the API does not answer.
const RETRY: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(10));

/// Objects asked for in one page of the first list.
const PAGE: u32 = 500;

/// What a cache saw happen to one object.
#[derive(Clone, Debug)]
pub struct Change<T> {
    /// The object before; absent when it is new.
    pub old: Option<Arc<T>>,
    /// The object now; absent when it is gone.
    pub new: Option<Arc<T>>,
}

impl<T> Change<T> {
    /// The object as last seen: now, or before it went. A change always has one side.
    #[must_use]
    pub fn latest(&self) -> Option<&Arc<T>> {
        self.new.as_ref().or(self.old.as_ref())
    }
}

type Handler<T> = Box<dyn Fn(&Change<T>) + Send + Sync>;

/// Every object of kind `T` that the cache's options select.
pub struct Cache<T> {
    options: ListOptions,
    objects: RwLock<BTreeMap<Key, Arc<T>>>,
    handlers: RwLock<Vec<Handler<T>>>,
    /// The revision up to which the cache has seen everything; 0 until the first list is in.
    revision: watch::Sender<u64>,
}

impl<T: Object> Cache<T> {
    /// An empty cache of what `options` select; [`Cache::run`] fills it.
    #[must_use]
    pub fn new(options: ListOptions) -> Self {
        Self {
            options,
            objects: RwLock::default(),
            handlers: RwLock::default(),
            revision: watch::Sender::new(0),
        }
    }

    /// One object.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        self.get_key(&Key::new(namespace, name))
    }

    /// One object.
    #[must_use]
    pub fn get_key(&self, key: &Key) -> Option<Arc<T>> {
        self.objects.read().get(key).cloned()
    }

    /// All objects, in order of namespace and name.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<T>> {
        self.objects.read().values().cloned().collect()
    }

    /// The objects of one namespace, in order of name.
    #[must_use]
    pub fn list_in(&self, namespace: &str) -> Vec<Arc<T>> {
        let from = Bound::Included(Key::new(namespace, ""));
        self.objects
            .read()
            .range((from, Bound::Unbounded))
            .take_while(|(key, _)| key.namespace == namespace)
            .map(|(_, object)| Arc::clone(object))
            .collect()
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.read().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `handler` for every object there is and for every change from now on, in order. It
    /// runs on the cache's own task, after the cache holds the change: it must be quick and must
    /// not block, typically putting a key into a queue.
    pub fn on_change(&self, handler: impl Fn(&Change<T>) + Send + Sync + 'static) {
        // The write lock on handlers keeps changes out between the replay and the registration.
        let mut handlers = self.handlers.write();
        for object in self.list() {
            handler(&Change {
                old: None,
                new: Some(object),
            });
        }
        handlers.push(Box::new(handler));
    }

    /// The revision up to which this cache has seen everything, as it rises.
    #[must_use]
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Returns once the first list is in.
    pub async fn synced(&self) {
        self.reached(1).await;
    }

    /// Returns once the cache has seen everything up to `revision`.
    pub async fn reached(&self, revision: u64) {
        let mut receiver = self.revision.subscribe();
        // The sender lives in self, so waiting cannot fail.
        let _ = receiver.wait_for(|seen| *seen >= revision).await;
    }

    /// Drops what [`Cache::on_change`] was given.
    pub(crate) fn forget_handlers(&self) {
        // Outside of the lock: what a handler held may end with it.
        let handlers = std::mem::take(&mut *self.handlers.write());
        drop(handlers);
    }

    /// Lists and watches until the task is dropped; starts over when the watch breaks.
    pub async fn run(&self, client: Client) {
        let mut failures = 0;
        loop {
            match self.list_and_watch(&client).await {
                Ok(()) => failures = 0,
                Err(error) => {
                    let wait = RETRY.delay(failures);
                    failures = failures.saturating_add(1);
                    tracing::debug!(kind = T::KIND, %error, ?wait, "listing and watching again");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    async fn list_and_watch(&self, client: &Client) -> Result<(), client::Error> {
        let revision = self.fill(client).await?;
        let mut position = revision;
        loop {
            let mut events = client.watch::<T>("", &self.options, &position).await?;
            while let Some(event) = events.next().await? {
                position = self.see(event);
            }
        }
    }

    /// Lists everything and makes the cache equal to it. Returns the list's revision.
    async fn fill(&self, client: &Client) -> Result<String, client::Error> {
        let mut options = ListOptions {
            limit: PAGE,
            ..self.options.clone()
        };
        let mut present = HashSet::new();
        let mut found = Vec::new();
        let revision = loop {
            let page = client.list::<T>("", &options).await?;
            for object in page.items {
                present.insert(Key::of(object.metadata()));
                found.push(object);
            }
            if page.continue_token.is_empty() {
                break page.revision;
            }
            options.continue_token = page.continue_token;
        };
        let gone: Vec<Key> = self
            .objects
            .read()
            .keys()
            .filter(|key| !present.contains(*key))
            .cloned()
            .collect();
        for key in gone {
            self.remove(&key);
        }
        for object in found {
            self.put(object);
        }
        self.advance(&revision);
        Ok(revision)
    }

    /// Takes one event and returns the revision to go on from.
    fn see(&self, event: WatchEvent<T>) -> String {
        let revision = match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let revision = object
                    .metadata()
                    .resource_version
                    .clone()
                    .unwrap_or_default();
                self.put(object);
                revision
            }
            WatchEvent::Deleted(object) => {
                self.remove(&Key::of(object.metadata()));
                object
                    .metadata()
                    .resource_version
                    .clone()
                    .unwrap_or_default()
            }
            WatchEvent::Bookmark { revision, .. } => revision,
        };
        self.advance(&revision);
        revision
    }

    fn put(&self, mut object: T) {
        // Nobody reads them from a cache, and they are a third of many objects.
        object.metadata_mut().managed_fields = None;
        let key = Key::of(object.metadata());
        let new = Arc::new(object);
        let handlers = self.handlers.read();
        let old = self.objects.write().insert(key, Arc::clone(&new));
        let same = old.as_ref().is_some_and(|old| {
            old.metadata().resource_version == new.metadata().resource_version
                && old.metadata().uid == new.metadata().uid
        });
        if !same {
            let change = Change {
                old,
                new: Some(new),
            };
            handlers.iter().for_each(|handler| handler(&change));
        }
    }

    fn remove(&self, key: &Key) {
        let handlers = self.handlers.read();
        let old = self.objects.write().remove(key);
        if old.is_some() {
            let change = Change { old, new: None };
            handlers.iter().for_each(|handler| handler(&change));
        }
    }

    fn advance(&self, revision: &str) {
        let revision: u64 = revision.parse().unwrap_or(0);
        self.revision.send_if_modified(|seen| {
            let risen = revision > *seen;
            if risen {
                *seen = revision;
            }
            risen
        });
    }
}

/// Whether an error of a write means that the writer looked at old state and should look again.
pub(crate) fn is_stale(status: &Status) -> bool {
    status.is("Conflict") || status.is("AlreadyExists") || status.is("NotFound")
}
