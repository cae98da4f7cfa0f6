//! Waiting for states, by watching: no polling, and a description of the last state when it does not come.

use crate::Cluster;
use anyhow::bail;
use api::Object;
use client::{ListOptions, WatchEvent};
use k8s_openapi::api::core::v1::Event;
use std::{collections::BTreeMap, time::Duration};

/// The longest wait, in the cluster's own time.
const LIMIT: Duration = Duration::from_secs(15 * 60);

impl Cluster {
    /// Waits until an object satisfies `holds`; returns it.
    ///
    /// # Errors
    /// When it does not within 15 minutes of the cluster's time.
    pub async fn wait<T: Object>(
        &self,
        namespace: &str,
        name: &str,
        holds: impl Fn(&T) -> bool,
    ) -> anyhow::Result<T> {
        let all = self
            .follow::<T>(namespace, named(name), |all| all.iter().any(&holds))
            .await?;
        Ok(all.into_iter().next().unwrap_or_default())
    }

    /// Waits until an object is gone.
    ///
    /// # Errors
    /// See [`Cluster::wait`].
    pub async fn wait_gone<T: Object>(&self, namespace: &str, name: &str) -> anyhow::Result<()> {
        self.follow::<T>(namespace, named(name), |all| all.is_empty())
            .await?;
        Ok(())
    }

    /// Waits until the objects that a label selector finds satisfy `holds`; returns them by name.
    ///
    /// # Errors
    /// See [`Cluster::wait`].
    pub async fn wait_all<T: Object>(
        &self,
        namespace: &str,
        labels: &str,
        holds: impl Fn(&[T]) -> bool,
    ) -> anyhow::Result<Vec<T>> {
        let options = ListOptions {
            labels: labels.to_owned(),
            ..ListOptions::default()
        };
        self.follow(namespace, options, holds).await
    }

    async fn follow<T: Object>(
        &self,
        namespace: &str,
        options: ListOptions,
        holds: impl Fn(&[T]) -> bool,
    ) -> anyhow::Result<Vec<T>> {
        let mut all = Vec::new();
        let following = self.follow_until(namespace, &options, &holds, &mut all);
        match tokio::time::timeout(LIMIT, following).await {
            Ok(ended) => ended?,
            Err(_) => bail!(
                "{} in {namespace:?} ({options:?}) did not become so; at last:\n{}\nwhat happened:\n{}",
                T::KIND,
                shown(&all),
                self.events().await?
            ),
        }
        Ok(all)
    }

    /// Every event, a line each.
    async fn events(&self) -> anyhow::Result<String> {
        let events = self
            .client
            .list::<Event>("", &ListOptions::default())
            .await?;
        let text = |it: &Option<String>| it.clone().unwrap_or_default();
        let line = |it: &Event| {
            let about = &it.involved_object;
            format!(
                "{} {} {}: {}",
                text(&about.kind),
                text(&about.name),
                text(&it.reason),
                text(&it.message)
            )
        };
        Ok(events.items.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    async fn follow_until<T: Object>(
        &self,
        namespace: &str,
        options: &ListOptions,
        holds: &impl Fn(&[T]) -> bool,
        state: &mut Vec<T>,
    ) -> anyhow::Result<()> {
        let listed = self.client.list::<T>(namespace, options).await?;
        let mut all: BTreeMap<_, T> = listed.items.into_iter().map(|it| (key(&it), it)).collect();
        let mut watch = self
            .client
            .watch::<T>(namespace, options, &listed.revision)
            .await?;
        loop {
            *state = all.values().cloned().collect();
            if holds(state) {
                return Ok(());
            }
            match watch.next().await? {
                Some(WatchEvent::Added(it) | WatchEvent::Modified(it)) => {
                    drop(all.insert(key(&it), it))
                }
                Some(WatchEvent::Deleted(it)) => drop(all.remove(&key(&it))),
                Some(WatchEvent::Bookmark { .. }) => {}
                None => bail!("the watch of {} ended", T::KIND),
            }
        }
    }
}

fn named(name: &str) -> ListOptions {
    ListOptions {
        fields: format!("metadata.name={name}"),
        ..ListOptions::default()
    }
}

fn key<T: Object>(object: &T) -> (String, String) {
    let metadata = object.metadata();
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    (text(&metadata.namespace), text(&metadata.name))
}

fn shown<T: Object>(all: &[T]) -> String {
    let one = |it: &T| {
        let mut it = it.clone();
        it.metadata_mut().managed_fields = None;
        String::from_utf8_lossy(&it.encode()).into_owned()
    };
    all.iter().map(one).collect::<Vec<_>>().join("\n")
}
