//! Objects that go by themselves a while after they were last written (events). Upstream gives them a
//! lease of etcd, shared by what is written within a minute; here it is a mark: whatever the store held at
//! that revision and has not rewritten since goes when the mark's time comes. One timer, for the oldest
//! mark; none when nothing is to expire. Nothing of it is stored: after a start the times are read from the
//! objects.

use crate::{
    Door,
    resources::{Resource, Slot},
    watch_cache::{Item, Selection},
};
use futures::{StreamExt, stream};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};
use stdx::tasks::Tasks;
use store::Revision;

/// Writes within this long share a mark, so that an object may stay this much longer. Bounds the number of
/// marks: 61 for an hour.
const GRANULE: SignedDuration = SignedDuration::from_secs(60);
/// Deletions under way at once.
const PARALLEL: usize = 16;

/// What was written up to this revision goes at this time unless it is written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    revision: Revision,
    goes_at: Timestamp,
}

/// The marks of one resource. Pure.
#[derive(Debug)]
struct Marks {
    ttl: SignedDuration,
    marks: VecDeque<Mark>,
    /// When the mark that collects the latest writes is made.
    open_until: Option<Timestamp>,
}

impl Marks {
    /// From what is there: revision and time of each object's last write, in order of revision.
    fn new(ttl: SignedDuration, mut written: Vec<(Revision, Timestamp)>, now: Timestamp) -> Self {
        written.sort_unstable();
        let mut marks: VecDeque<Mark> = VecDeque::new();
        let mut latest = Timestamp::MIN;
        for (revision, at) in written {
            // What was written later was not written earlier, and nothing was written in the future.
            latest = latest.max(at.min(now));
            let goes_at = latest.saturating_add(ttl).unwrap_or(Timestamp::MAX);
            match marks.back_mut() {
                Some(last) if goes_at.duration_since(last.goes_at) < GRANULE => {
                    last.revision = revision;
                }
                _ => marks.push_back(Mark { revision, goes_at }),
            }
        }
        Self {
            ttl,
            marks,
            open_until: None,
        }
    }

    /// Something was written.
    fn written(&mut self, now: Timestamp) {
        if self.open_until.is_none() {
            self.open_until = Some(now.saturating_add(GRANULE).unwrap_or(Timestamp::MAX));
        }
    }

    /// When to look again.
    fn next(&self) -> Option<Timestamp> {
        let front = self.marks.front().map(|mark| mark.goes_at);
        [self.open_until, front].into_iter().flatten().min()
    }

    /// Up to which revision objects go now. `current` is the latest revision.
    fn due(&mut self, current: Revision, now: Timestamp) -> Option<Revision> {
        if self.open_until.is_some_and(|at| at <= now) {
            self.open_until = None;
            let goes_at = now.saturating_add(self.ttl).unwrap_or(Timestamp::MAX);
            self.marks.push_back(Mark {
                revision: current,
                goes_at,
            });
        }
        let mut due = None;
        while let Some(mark) = self.marks.front().filter(|mark| mark.goes_at <= now) {
            due = Some(mark.revision);
            self.marks.pop_front();
        }
        due
    }
}

impl Door {
    /// Removes objects of the kinds that expire (upstream: `--event-ttl`), on `tasks`.
    pub fn expire(self: &Arc<Self>, ttl: Duration, tasks: &Tasks) {
        let Ok(ttl) = SignedDuration::try_from(ttl) else {
            return;
        };
        for (slot, resource) in self.resources.slots().iter().enumerate() {
            if resource.law.expires() {
                let door = Arc::clone(self);
                tasks.spawn("expiry", async move { door.expire_in(slot, ttl).await });
            }
        }
    }

    async fn expire_in(self: &Arc<Self>, slot: Slot, ttl: SignedDuration) {
        let clock = &self.config.clock;
        let mut changed = self.cache.subscribe(slot);
        changed.borrow_and_update();
        let written = self
            .everything(slot)
            .iter()
            .map(|it| last_write(it))
            .collect();
        let mut marks = Marks::new(ttl, written, clock.now());
        loop {
            let next = marks.next();
            let timer = async {
                match next {
                    Some(at) => {
                        let wait = Duration::try_from(at.duration_since(clock.now()));
                        tokio::time::sleep(wait.unwrap_or_default()).await;
                    }
                    None => pending().await,
                }
            };
            tokio::select! {
                () = timer => {
                    if let Some(revision) = marks.due(self.cache.revision(), clock.now()) {
                        self.remove_older(slot, revision).await;
                    }
                }
                // A mark that is open collects this write too.
                told = changed.changed(), if marks.open_until.is_none() => match told {
                    Ok(()) => marks.written(clock.now()),
                    Err(_) => return,
                },
            }
        }
    }

    fn everything(&self, slot: Slot) -> Vec<Arc<Item>> {
        let all = Selection::of_namespace("");
        self.cache.list(slot, &all, 0).items
    }

    async fn remove_older(self: &Arc<Self>, slot: Slot, revision: Revision) {
        let all = self.everything(slot).into_iter();
        let old: Vec<_> = all.filter(|item| item.revision() <= revision).collect();
        let count = old.len();
        let removals = old.into_iter().map(|item| self.remove(slot, item));
        let mut removals = stream::iter(removals.collect::<Vec<_>>()).buffer_unordered(PARALLEL);
        while removals.next().await.is_some() {}
        tracing::debug!(
            count,
            resource = self.resources.slots()[slot].names.plural,
            "expired"
        );
    }

    /// Removes the object unless it has changed.
    async fn remove(self: &Arc<Self>, slot: Slot, item: Arc<Item>) {
        let preconditions = json!({ "resourceVersion": item.revision().to_string() });
        let body =
            json!({ "kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions });
        let path = path(&self.resources.slots()[slot], &item);
        let asked = self.ask_itself(Method::DELETE, &path, "application/json", body.to_string());
        let status = asked.await.status();
        let expected = [StatusCode::NOT_FOUND, StatusCode::CONFLICT];
        if !status.is_success() && !expected.contains(&status) {
            tracing::warn!(path, %status, "an object that expired could not be removed");
        }
    }
}

fn path(resource: &Resource, item: &Item) -> String {
    let api_version = resource.api_version();
    let root = if resource.group().is_empty() {
        "api"
    } else {
        "apis"
    };
    let (plural, name) = (resource.names.plural, item.name());
    match item.namespace() {
        "" => format!("/{root}/{api_version}/{plural}/{name}"),
        namespace => format!("/{root}/{api_version}/namespaces/{namespace}/{plural}/{name}"),
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Written {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    creation_timestamp: Option<String>,
    managed_fields: Vec<Managed>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Managed {
    time: Option<String>,
}

/// The revision and, as far as its metadata tells, the time of an object's last write.
fn last_write(item: &Item) -> (Revision, Timestamp) {
    let written: Written = serde_json::from_slice(item.json()).unwrap_or_default();
    let managed = written.metadata.managed_fields.into_iter();
    let times = managed.filter_map(|it| it.time);
    let times = times.chain(written.metadata.creation_timestamp);
    let last = times.filter_map(|text| text.parse().ok()).max();
    (item.revision(), last.unwrap_or(Timestamp::UNIX_EPOCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: SignedDuration = SignedDuration::from_secs(3600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn mark(revision: Revision, second: i64) -> Mark {
        Mark {
            revision,
            goes_at: at(second),
        }
    }

    #[test]
    fn writes_of_a_minute_share_a_mark() {
        let mut marks = Marks::new(TTL, Vec::new(), at(0));
        assert_eq!(marks.next(), None);
        marks.written(at(0));
        marks.written(at(30));
        assert_eq!(marks.next(), Some(at(60)));
        assert_eq!(marks.due(7, at(60)), None);
        assert_eq!(marks.next(), Some(at(3660)));
        marks.written(at(100));
        assert_eq!(marks.due(9, at(160)), None);
        assert_eq!(marks.due(9, at(3659)), None);
        assert_eq!(marks.due(9, at(3660)), Some(7));
        assert_eq!(marks.due(9, at(9000)), Some(9));
        assert_eq!(marks.next(), None);
    }

    #[test]
    fn after_a_start_the_objects_tell() {
        let written = vec![
            (9, at(500)),
            (3, at(0)),
            (5, at(20)),
            (7, at(10)),
            (8, at(5000)),
        ];
        let marks = Marks::new(TTL, written, at(1000));
        let expected = [mark(7, 3600), mark(9, 4600)];
        assert_eq!(marks.marks, expected, "the future counts as now");
    }
}
