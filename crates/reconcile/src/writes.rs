//! Writing from within a reconcile: the client's verbs, each remembered, so that the loop can
//! withhold the key until the shared caches have caught up with them (KEP-5647's idea).

use crate::Caches;
use api::Object;
use client::{Client, DeleteOptions, Error, Patch};
use parking_lot::Mutex;
use std::{collections::HashMap, time::Duration};

/// How long a key is withheld for a cache that does not catch up. Past it the loop goes on: a
/// reconcile is repeatable, so a late cache costs a repeated look, not correctness.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(30);

/// The writes of one reconcile.
pub struct Writes {
    client: Client,
    last: Mutex<HashMap<&'static str, u64>>,
}

impl Writes {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            last: Mutex::default(),
        }
    }

    /// For reads that must not come from a cache, and for writes to kinds that no cache holds.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// See [`Client::create`].
    ///
    /// # Errors
    /// The client's.
    pub async fn create<T: Object>(&self, object: &T) -> Result<T, Error> {
        let written = self.client.create(object).await?;
        Ok(self.remember(written))
    }

    /// See [`Client::update`].
    ///
    /// # Errors
    /// The client's.
    pub async fn update<T: Object>(&self, object: &T) -> Result<T, Error> {
        let written = self.client.update(object).await?;
        Ok(self.remember(written))
    }

    /// See [`Client::update_status`].
    ///
    /// # Errors
    /// The client's.
    pub async fn update_status<T: Object>(&self, object: &T) -> Result<T, Error> {
        let written = self.client.update_status(object).await?;
        Ok(self.remember(written))
    }

    /// See [`Client::update_subresource`].
    ///
    /// # Errors
    /// The client's.
    pub async fn update_subresource<T: Object>(
        &self,
        subresource: &str,
        object: &T,
    ) -> Result<T, Error> {
        let written = self.client.update_subresource(subresource, object).await?;
        Ok(self.remember(written))
    }

    /// See [`Client::patch`].
    ///
    /// # Errors
    /// The client's.
    pub async fn patch<T: Object>(
        &self,
        namespace: &str,
        name: &str,
        subresource: &str,
        patch: &Patch,
    ) -> Result<T, Error> {
        let written = self
            .client
            .patch(namespace, name, subresource, patch)
            .await?;
        Ok(self.remember(written))
    }

    /// See [`Client::delete`]. An object that is gone already is no error.
    ///
    /// # Errors
    /// The client's.
    pub async fn delete<T: Object>(
        &self,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<(), Error> {
        match self.client.delete::<T>(namespace, name, options).await {
            Ok(Some(lingering)) => {
                self.remember(lingering);
            }
            Ok(None) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn remember<T: Object>(&self, written: T) -> T {
        let revision = written
            .metadata()
            .resource_version
            .as_deref()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let mut last = self.last.lock();
        let seen = last.entry(T::URL_PATH_SEGMENT).or_insert(0);
        *seen = revision.max(*seen);
        written
    }

    /// Returns once the shared caches have seen these writes, or the limit has passed.
    pub(crate) async fn seen(&self, caches: &Caches) {
        let last = std::mem::take(&mut *self.last.lock());
        let all = async {
            for (plural, revision) in last {
                caches.reached(plural, revision).await;
            }
        };
        if tokio::time::timeout(CATCH_UP_LIMIT, all).await.is_err() {
            tracing::warn!(
                "a shared cache did not catch up with this process's own writes in 30 s"
            );
        }
    }
}
