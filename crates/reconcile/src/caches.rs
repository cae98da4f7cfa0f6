//! The caches of one process: one for each kind, made when first asked for and shared by all
//! brains, so that an object is decoded and held once.

use crate::Cache;
use api::Object;
use client::{Client, ListOptions};
use parking_lot::Mutex;
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};
use stdx::tasks::Tasks;

/// The shared caches. Cheap to clone.
#[derive(Clone)]
pub struct Caches {
    client: Client,
    tasks: Tasks,
    caches: Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
    progress: Arc<Mutex<HashMap<&'static str, tokio::sync::watch::Receiver<u64>>>>,
}

/// A cache at work. When its task ends nothing changes any more, and its handlers go: they may hold the
/// cache itself, or one whose handlers hold it.
struct Running<T: Object>(Arc<Cache<T>>);

impl<T: Object> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.forget_handlers();
    }
}

impl Caches {
    /// No caches yet; those made later live on `tasks` and read through `client`.
    #[must_use]
    pub fn new(client: Client, tasks: Tasks) -> Self {
        Self {
            client,
            tasks,
            caches: Arc::default(),
            progress: Arc::default(),
        }
    }

    /// The same caches, for a component that writes as somebody else.
    #[must_use]
    pub fn writing_as(&self, client: Client) -> Self {
        Self {
            client,
            ..self.clone()
        }
    }

    /// The client to write through.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The cache of all objects of a kind; starts it at the first call.
    #[must_use]
    pub fn of<T: Object>(&self) -> Arc<Cache<T>> {
        self.select::<T>(ListOptions::default())
    }

    /// The cache of a kind, restricted to what `options` select if this is the first call for the
    /// kind (an agent caches only its own node's pods).
    #[must_use]
    pub fn select<T: Object>(&self, options: ListOptions) -> Arc<Cache<T>> {
        let mut caches = self.caches.lock();
        if let Some(cache) = caches
            .get(&TypeId::of::<T>())
            .and_then(|cache| Arc::clone(cache).downcast::<Cache<T>>().ok())
        {
            return cache;
        }
        let cache = Arc::new(Cache::<T>::new(options));
        caches.insert(
            TypeId::of::<T>(),
            Arc::clone(&cache) as Arc<dyn Any + Send + Sync>,
        );
        self.progress
            .lock()
            .insert(T::URL_PATH_SEGMENT, cache.revisions());
        let (running, client) = (Running(Arc::clone(&cache)), self.client.clone());
        self.tasks
            .spawn("cache", async move { running.0.run(client).await });
        cache
    }

    /// Returns once the cache of `plural`, if there is one, has seen everything up to `revision`.
    pub(crate) async fn reached(&self, plural: &'static str, revision: u64) {
        let receiver = self.progress.lock().get(plural).cloned();
        if let Some(mut receiver) = receiver {
            let _ = receiver.wait_for(|seen| *seen >= revision).await;
        }
    }

    /// Returns once every cache made so far has its first list.
    pub async fn synced(&self) {
        let receivers: Vec<_> = self.progress.lock().values().cloned().collect();
        for mut receiver in receivers {
            let _ = receiver.wait_for(|seen| *seen > 0).await;
        }
    }
}
