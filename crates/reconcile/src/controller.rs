//! The contract of a controller, and what runs it.

use crate::{Caches, Change, Key, Queue, Writes, cache::is_stale};
use api::Object;
use async_trait::async_trait;
use machinery::owners;
use std::{sync::Arc, time::Duration};
use stdx::tasks::Tasks;

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The promise holds until something changes.
    Done,
    /// Look again after this long, whatever happens.
    After(Duration),
}

/// Why a reconcile could not keep its promise this time. It is retried with back-off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request failed.
    #[error(transparent)]
    Request(#[from] client::Error),
    /// Anything else, said in full.
    #[error("{0}")]
    Other(String),
}

/// A controller: it keeps one promise for each key.
#[async_trait]
pub trait Reconcile: Send + Sync + 'static {
    /// Upstream's name of the controller, such as `deployment-controller`.
    fn name(&self) -> &'static str;

    /// Says which kinds it watches and which keys a change of one wakes.
    fn watch(&self, wiring: &Wiring);

    /// Keeps the promise for `key`. Reads come from caches, writes go through `writes`.
    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error>;
}

/// What a controller's watches are wired to.
pub struct Wiring {
    caches: Caches,
    queue: Arc<Queue<Key>>,
}

impl Wiring {
    /// Watches a kind: every object that exists and every change wakes the keys that `keys` gives.
    pub fn on<T: Object>(&self, keys: impl Fn(&Change<T>) -> Vec<Key> + Send + Sync + 'static) {
        let queue = Arc::clone(&self.queue);
        self.caches.of::<T>().on_change(move |change| {
            for key in keys(change) {
                queue.add(key);
            }
        });
    }

    /// Watches a kind whose objects are themselves the keys.
    pub fn on_own<T: Object>(&self) {
        self.on::<T>(|change| {
            change
                .latest()
                .map(|object| Key::of(object.metadata()))
                .into_iter()
                .collect()
        });
    }

    /// Watches a kind whose objects wake the `Owner` that controls them.
    pub fn on_owned<T: Object, Owner: Object>(&self) {
        self.on::<T>(|change| {
            let owner = change.latest().and_then(|object| {
                let metadata = object.metadata();
                let namespace = metadata.namespace.as_deref().unwrap_or_default();
                let owner = owners::controller_of(metadata)?;
                (owner.kind == Owner::KIND).then(|| Key::new(namespace, &owner.name))
            });
            owner.into_iter().collect()
        });
    }
}

/// Runs a controller with `workers` workers on `tasks`, once the caches it watches have filled.
pub fn run(controller: Arc<dyn Reconcile>, caches: &Caches, workers: usize, tasks: &Tasks) {
    let queue = Arc::new(Queue::new());
    controller.watch(&Wiring {
        caches: caches.clone(),
        queue: Arc::clone(&queue),
    });
    for _ in 0..workers {
        let worker = Worker {
            controller: Arc::clone(&controller),
            caches: caches.clone(),
            queue: Arc::clone(&queue),
            client: caches.client().named(controller.name()),
        };
        tasks.spawn(controller.name(), async move {
            worker.caches.synced().await;
            loop {
                worker.step().await;
            }
        });
    }
}

struct Worker {
    controller: Arc<dyn Reconcile>,
    caches: Caches,
    queue: Arc<Queue<Key>>,
    client: client::Client,
}

impl Worker {
    /// One key: reconcile it, wait until the caches know what it wrote, give it back.
    async fn step(&self) {
        let key = self.queue.next().await;
        let writes = Writes::new(self.client.clone());
        let outcome = self.controller.reconcile(&key, &writes).await;
        writes.seen(&self.caches).await;
        match outcome {
            Ok(Outcome::Done) => self.queue.succeeded(&key),
            Ok(Outcome::After(wait)) => {
                self.queue.add_after(key.clone(), wait);
                self.queue.succeeded(&key);
            }
            Err(error) => self.retry(&key, &error),
        }
    }

    fn retry(&self, key: &Key, error: &Error) {
        let stale = matches!(error, Error::Request(error) if error.status().is_some_and(is_stale));
        let wait = self.queue.failed(key);
        let controller = self.controller.name();
        if stale {
            tracing::debug!(controller, %key, %error, ?wait, "looked at old state; again");
        } else {
            tracing::warn!(controller, %key, %error, ?wait, "could not reconcile; again");
        }
    }
}
