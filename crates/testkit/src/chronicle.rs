//! The chronicle: a watch on every resource from the first revision on, and what the ledger says
//! happened. Together they tell whether any watch skipped, repeated or reordered a change.

use anyhow::{Context as _, bail, ensure};
use client::{Client, Form, Path};
use parking_lot::Mutex;
use serde::Deserialize;
use std::{collections::BTreeMap, collections::BTreeSet, sync::Arc, time::Duration};
use stdx::tasks::Tasks;
use store::{Event, Revision, Store};
use tokio::sync::Notify;

/// Prefix of the ledger's keys that hold objects; what else it holds are claims of objects.
const OBJECTS: &str = "/registry/";

/// Seconds that a watch lasts, more than any test does.
const LONGEST: &str = "1000000";

/// What the watches told.
#[derive(Default)]
struct Seen {
    /// Every revision that some watch told of.
    revisions: BTreeSet<Revision>,
    faults: Vec<String>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    progress: Notify,
}

/// Recordings under way.
pub(crate) struct Chronicle {
    shared: Arc<Shared>,
    tasks: Tasks,
    from: Revision,
}

/// As much of an object as the chronicle reads.
#[derive(Deserialize)]
struct Head {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    resource_version: String,
}

impl Chronicle {
    /// Watches every resource that can be watched.
    pub(crate) async fn begin(client: &Client, store: &dyn Store) -> anyhow::Result<Self> {
        let chronicle = Self {
            shared: Arc::default(),
            tasks: Tasks::new(),
            from: store.revision(),
        };
        for law in kinds::list() {
            let names = law.names();
            if !names.verbs.contains(&"watch") {
                continue;
            }
            let path = Path::collection(law.group(), law.version(), "", names.plural)
                .query("watch", "true")
                .query("timeoutSeconds", LONGEST)
                .query("resourceVersion", &chronicle.from.to_string());
            let what = format!("{}.{}/{}", names.plural, law.version(), law.group());
            let watch = client.watch_at::<()>(path, Form::Metadata).await;
            let mut watch = watch.with_context(|| format!("watch {what}"))?;
            let shared = Arc::clone(&chronicle.shared);
            chronicle.tasks.spawn("chronicle", async move {
                let mut recording = Recording {
                    what,
                    latest: 0,
                    told: BTreeSet::new(),
                    alive: BTreeMap::new(),
                };
                loop {
                    let fault = match watch.next_frame().await {
                        Ok(Some(frame)) => recording.take(&frame.kind, frame.object.get()),
                        Ok(None) => return,
                        Err(error) => Err(anyhow::anyhow!("the watch broke: {error}")),
                    };
                    let mut seen = shared.seen.lock();
                    match fault {
                        Ok(revision) => drop(seen.revisions.insert(revision)),
                        Err(fault) => seen.faults.push(format!("{}: {fault:#}", recording.what)),
                    }
                    shared.progress.notify_one();
                }
            });
        }
        Ok(chronicle)
    }

    /// Waits until the watches have told of all that the ledger holds, then judges. Nobody writes any more.
    pub(crate) async fn finish(self, store: &dyn Store, limit: Duration) -> anyhow::Result<()> {
        let wanted = self.written(store).await?;
        let complete = async {
            loop {
                if wanted.is_subset(&self.shared.seen.lock().revisions) {
                    return;
                }
                self.shared.progress.notified().await;
            }
        };
        let complete = tokio::time::timeout(limit, complete).await;
        self.tasks.finish().await;
        let seen = self.shared.seen.lock();
        if !seen.faults.is_empty() {
            bail!("watches were not in order:\n{}", seen.faults.join("\n"));
        }
        let missed: Vec<_> = wanted.difference(&seen.revisions).collect();
        ensure!(complete.is_ok(), "no watch told of revisions {missed:?}");
        let invented: Vec<_> = seen.revisions.difference(&wanted).collect();
        ensure!(
            invented.is_empty(),
            "watches told of revisions {invented:?}, which wrote no object"
        );
        Ok(())
    }

    /// The revisions at which an object was written, as the ledger tells it.
    async fn written(&self, store: &dyn Store) -> anyhow::Result<BTreeSet<Revision>> {
        let mut revisions = BTreeSet::new();
        let mut changes = store.watch(OBJECTS, self.from).await?;
        changes.progress().request();
        loop {
            match changes.next().await? {
                Event::Changes(some) => revisions.extend(some.iter().map(|change| change.revision)),
                Event::Progress(_) => return Ok(revisions),
            }
        }
    }
}

/// One watch, as it is read.
struct Recording {
    what: String,
    latest: Revision,
    /// What was told of at the latest revision: one transaction may write several objects.
    told: BTreeSet<(String, String)>,
    /// Objects that exist, and since when.
    alive: BTreeMap<(String, String), Revision>,
}

impl Recording {
    /// Checks an event against all before it; returns its revision.
    fn take(&mut self, kind: &str, object: &str) -> anyhow::Result<Revision> {
        let head: Head = serde_json::from_str(object).with_context(|| object.to_owned())?;
        let revision: Revision = head.metadata.resource_version.parse()?;
        let key = (head.metadata.namespace, head.metadata.name);
        ensure!(
            revision > self.latest || revision == self.latest && !self.told.contains(&key),
            "{kind} {key:?} at {revision} after {}",
            self.latest
        );
        if revision > self.latest {
            self.told.clear();
        }
        self.latest = revision;
        self.told.insert(key.clone());
        let before = match kind {
            "DELETED" => self.alive.remove(&key),
            _ => self.alive.insert(key.clone(), revision),
        };
        ensure!(
            before.is_some() == (kind != "ADDED"),
            "{kind} {key:?} at {revision}, last seen at {before:?}"
        );
        Ok(revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays events of one object, `(type, revision)`; says whether the last one is refused.
    fn refused(events: &[(&str, u64)]) -> bool {
        let mut recording = Recording {
            what: String::new(),
            latest: 0,
            told: BTreeSet::new(),
            alive: BTreeMap::new(),
        };
        let take = |(kind, revision): &(&str, u64)| {
            let metadata =
                serde_json::json!({ "name": "a", "resourceVersion": revision.to_string() });
            let object = serde_json::json!({ "metadata": metadata });
            recording.take(kind, &object.to_string()).is_err()
        };
        let all: Vec<bool> = events.iter().map(take).collect();
        assert!(!all[..all.len() - 1].contains(&true), "{events:?}");
        all[all.len() - 1]
    }

    #[test]
    fn disorder_is_seen() {
        assert!(!refused(&[
            ("ADDED", 1),
            ("MODIFIED", 2),
            ("DELETED", 5),
            ("ADDED", 6)
        ]));
        assert!(refused(&[("ADDED", 2), ("MODIFIED", 2)]), "repeated");
        assert!(refused(&[("ADDED", 3), ("MODIFIED", 2)]), "reordered");
        assert!(refused(&[("MODIFIED", 1)]), "its beginning was skipped");
        assert!(
            refused(&[("ADDED", 1), ("ADDED", 4)]),
            "its end was skipped"
        );
        assert!(refused(&[("ADDED", 1), ("DELETED", 2), ("DELETED", 3)]));
    }
}
