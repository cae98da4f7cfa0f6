//! Which events become objects, which raise the count of one, and which nobody needs. Pure. Upstream:
//! client-go's `EventCorrelator` (`tools/record/events_cache.go`), and for events with a time of their own
//! the series of `tools/events`.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::core::v1::{Event, EventSeries},
    apimachinery::pkg::apis::meta::v1::{MicroTime, Time},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

/// Keys remembered in each table; upstream's caches hold as many.
const REMEMBERED: usize = 4096;
/// Different messages of otherwise equal events within [`SIMILAR_FOR`], from which on they are told as one.
const SIMILAR: usize = 10;
const SIMILAR_FOR: SignedDuration = SignedDuration::from_secs(600);
/// Events about one object from one source that may come at once.
const BURST: u32 = 25;
/// How long until one more may come.
const REFILL: SignedDuration = SignedDuration::from_secs(300);
/// A series ends when nothing joined it for this long.
const SERIES_FOR: SignedDuration = SignedDuration::from_secs(360);

/// What to do about an event.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Nothing: there were too many.
    Drop,
    /// Create it, then tell [`Correlator::created`].
    Create(Key),
    /// Change the object of this name; create it anew when that is gone.
    Repeat {
        /// The object's name.
        name: String,
        /// What tells it from others.
        key: Key,
    },
}

/// What makes events the same. One piece, shared by a table and its order: thousands are remembered.
pub(crate) type Key = Arc<str>;

/// At most [`REMEMBERED`] entries; the oldest goes first.
struct Table<V> {
    entries: HashMap<Key, V>,
    order: VecDeque<Key>,
}

impl<V> Table<V> {
    fn new() -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    fn entry(&mut self, key: &Key, new: impl FnOnce() -> V) -> &mut V {
        if !self.entries.contains_key(&**key) {
            if self.order.len() >= REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
            self.order.push_back(Arc::clone(key));
        }
        self.entries.entry(Arc::clone(key)).or_insert_with(new)
    }
}

struct Similar {
    messages: HashSet<String>,
    last: Timestamp,
}

struct Logged {
    name: String,
    count: i32,
    first: Option<Time>,
    last: Timestamp,
}

struct Bucket {
    left: u32,
    filled: Timestamp,
}

/// Remembers what was told.
pub(crate) struct Correlator {
    similar: Table<Similar>,
    logged: Table<Option<Logged>>,
    buckets: Table<Bucket>,
}

impl Correlator {
    pub(crate) fn new() -> Self {
        Self {
            similar: Table::new(),
            logged: Table::new(),
            buckets: Table::new(),
        }
    }

    /// Judges an event and writes into it what it becomes: a count, a series, a message for many.
    pub(crate) fn judge(&mut self, event: &mut Event, now: Timestamp) -> Verdict {
        let is_series = event.event_time.is_some();
        let key = if is_series {
            series_key(event)
        } else {
            self.combine(event, now)
        };
        let name = self.count(event, &key, is_series, now);
        if !self.admits(event, now) {
            return Verdict::Drop;
        }
        match name {
            Some(name) => Verdict::Repeat { name, key },
            None => Verdict::Create(key),
        }
    }

    /// Remembers the name under which an event was created.
    pub(crate) fn created(&mut self, key: &Key, event: &Event, now: Timestamp) {
        let count = event.count.unwrap_or(1);
        *self.logged.entry(key, || None) = Some(Logged {
            name: event.metadata.name.clone().unwrap_or_default(),
            count,
            first: event.first_timestamp.clone(),
            last: now,
        });
    }

    /// Joins events that differ in nothing but their messages, once there are many.
    fn combine(&mut self, event: &mut Event, now: Timestamp) -> Key {
        let similar_key = similar_key(event);
        let message = event.message.clone().unwrap_or_default();
        let similar = self.similar.entry(&similar_key, || Similar {
            messages: HashSet::new(),
            last: now,
        });
        if now.duration_since(similar.last) > SIMILAR_FOR {
            similar.messages.clear();
        }
        similar.last = now;
        similar.messages.insert(message.clone());
        if similar.messages.len() < SIMILAR {
            return key(event);
        }
        // Room for the next: the set stays at the limit.
        if let Some(any) = similar.messages.iter().next().cloned() {
            similar.messages.remove(&any);
        }
        event.message = Some(format!("(combined from similar events): {message}"));
        similar_key
    }

    /// Counts a repeat; the name of the object that has the count.
    fn count(
        &mut self,
        event: &mut Event,
        key: &Key,
        is_series: bool,
        now: Timestamp,
    ) -> Option<String> {
        let logged = self.logged.entry(key, || None);
        let over = |it: &Logged| is_series && now.duration_since(it.last) > SERIES_FOR;
        if logged.as_ref().is_some_and(over) {
            *logged = None;
        }
        let logged = logged.as_mut()?;
        logged.count = logged.count.saturating_add(1);
        logged.last = now;
        if is_series {
            event.series = Some(EventSeries {
                count: Some(logged.count),
                last_observed_time: Some(MicroTime(now)),
            });
        } else {
            event.count = Some(logged.count);
            event.first_timestamp.clone_from(&logged.first);
        }
        Some(logged.name.clone())
    }

    fn admits(&mut self, event: &Event, now: Timestamp) -> bool {
        let bucket = self.buckets.entry(&spam_key(event).into(), || Bucket {
            left: BURST,
            filled: now,
        });
        while bucket.left < BURST && now.duration_since(bucket.filled) >= REFILL {
            bucket.left += 1;
            bucket.filled = bucket.filled.saturating_add(REFILL).unwrap_or(now);
        }
        if bucket.left == BURST {
            bucket.filled = now;
        }
        let admits = bucket.left > 0;
        bucket.left = bucket.left.saturating_sub(1);
        admits
    }
}

/// Joins words into one key, with a sign between them that none of them has.
fn joined(words: &[&Option<String>]) -> String {
    let mut whole = String::new();
    for word in words {
        whole.push_str(word.as_deref().unwrap_or_default());
        whole.push('\0');
    }
    whole
}

/// Who says something about which object.
fn spam_key(event: &Event) -> String {
    let about = &event.involved_object;
    let source = event.source.clone().unwrap_or_default();
    // Events with a time of their own name no source.
    let component = source
        .component
        .or_else(|| event.reporting_component.clone());
    joined(&[
        &component,
        &source.host,
        &about.kind,
        &about.namespace,
        &about.name,
        &about.uid,
        &about.api_version,
    ])
}

fn key_of(event: &Event, more: &[&Option<String>]) -> Key {
    (spam_key(event) + &joined(more)).into()
}

fn similar_key(event: &Event) -> Key {
    let more = [
        &event.type_,
        &event.reason,
        &event.reporting_component,
        &event.reporting_instance,
    ];
    key_of(event, &more)
}

fn key(event: &Event) -> Key {
    let more = [
        &event.involved_object.field_path,
        &event.type_,
        &event.reason,
        &event.message,
    ];
    key_of(event, &more)
}

fn series_key(event: &Event) -> Key {
    let about = &event.involved_object;
    let more = [
        &about.field_path,
        &about.resource_version,
        &event.type_,
        &event.action,
        &event.reason,
        &event.reporting_component,
        &event.reporting_instance,
    ];
    key_of(event, &more)
}

#[cfg(test)]
mod tests;
