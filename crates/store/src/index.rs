//! Which key held what at which revision: the multi-version map both engines stand on. It holds
//! places of values, not necessarily values.

use crate::{Error, Limits, RangeOptions, Revision};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

/// A value, or where it lies.
pub(crate) trait Value: Clone + Send + Sync + 'static {
    /// The bytes.
    fn load(&self) -> Result<Bytes, Error>;
    /// How many bytes.
    fn size(&self) -> usize;
}

impl Value for Bytes {
    fn load(&self) -> Result<Bytes, Error> {
        Ok(self.clone())
    }
    fn size(&self) -> usize {
        self.len()
    }
}

/// What a key takes in the map, beside its text.
#[cfg(test)]
pub(crate) const fn entry_bytes<V>() -> usize {
    size_of::<(Arc<str>, History<V>)>()
}

#[derive(Debug)]
struct Version<V> {
    revision: Revision,
    value: Option<V>,
}

/// The versions of one key, oldest first. Most keys have one, so it is kept inline, and no room is kept
/// for more.
#[derive(Debug)]
struct History<V> {
    #[expect(
        clippy::box_collection,
        reason = "a word in every key, where a deque takes four"
    )]
    older: Option<Box<VecDeque<Version<V>>>>,
    latest: Version<V>,
}

impl<V> History<V> {
    fn at(&self, revision: Revision) -> Option<&Version<V>> {
        if self.latest.revision <= revision {
            return Some(&self.latest);
        }
        let older = self.older.as_ref()?;
        let after = older.partition_point(|v| v.revision <= revision);
        older.get(after.checked_sub(1)?)
    }
}

/// A key found at a revision.
#[derive(Clone, Debug)]
pub(crate) struct Found<V> {
    pub(crate) key: Arc<str>,
    pub(crate) revision: Revision,
    pub(crate) value: V,
}

/// A change found in history.
#[derive(Clone, Debug)]
pub(crate) struct Past<V> {
    pub(crate) key: Arc<str>,
    pub(crate) revision: Revision,
    pub(crate) value: Option<V>,
    pub(crate) previous: Option<V>,
}

/// Bytes a version takes beside its key and value, in memory or on disk.
const VERSION_BYTES: u64 = 32;

fn cost<V: Value>(key: &str, value: Option<&V>) -> u64 {
    VERSION_BYTES + (key.len() + value.map_or(0, Value::size)) as u64
}

/// The multi-version map.
#[derive(Debug)]
pub(crate) struct Index<V> {
    keys: BTreeMap<Arc<str>, History<V>>,
    /// Every retained change in order. Invariant: all are after `oldest`.
    changes: VecDeque<(Revision, Arc<str>)>,
    revision: Revision,
    oldest: Revision,
    live_bytes: u64,
    history_bytes: u64,
    limits: Limits,
}

impl<V: Value> Index<V> {
    /// An empty index at `revision` whose history begins at `oldest`. That may be later: what follows
    /// up to there is then not history but what history begins with.
    pub(crate) fn new(revision: Revision, oldest: Revision, limits: Limits) -> Self {
        Self {
            keys: BTreeMap::new(),
            changes: VecDeque::new(),
            revision,
            oldest,
            live_bytes: 0,
            history_bytes: 0,
            limits,
        }
    }

    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// Says that revisions up to this one were given away, though nothing of them is here.
    pub(crate) fn advance(&mut self, revision: Revision) {
        self.revision = self.revision.max(revision);
    }

    /// The oldest revision that can be read or watched from.
    pub(crate) fn oldest(&self) -> Revision {
        self.oldest
    }

    /// Bytes needed to keep everything that can still be read.
    pub(crate) fn retained_bytes(&self) -> u64 {
        self.live_bytes + self.history_bytes
    }

    /// The shared key, revision and value of a key that exists now.
    pub(crate) fn latest(&self, key: &str) -> Option<(&Arc<str>, Revision, &V)> {
        let (key, history) = self.keys.get_key_value(key)?;
        let value = history.latest.value.as_ref()?;
        Some((key, history.latest.revision, value))
    }

    /// Resolves an optional revision to one that can be read.
    pub(crate) fn readable(&self, at: Option<Revision>) -> Result<Revision, Error> {
        let requested = at.unwrap_or(self.revision);
        if requested < self.oldest {
            return Err(Error::Compacted {
                requested,
                oldest: self.oldest,
            });
        }
        if requested > self.revision {
            return Err(Error::Future {
                requested,
                current: self.revision,
            });
        }
        Ok(requested)
    }

    pub(crate) fn get(&self, key: &str, at: Option<Revision>) -> Result<Option<Found<V>>, Error> {
        let at = self.readable(at)?;
        let found = self.keys.get_key_value(key);
        Ok(found.and_then(|(key, history)| found_at(key, history, at)))
    }

    /// The page, whether more follows, and the revision read.
    pub(crate) fn range(
        &self,
        options: RangeOptions<'_>,
    ) -> Result<(Vec<Found<V>>, bool, Revision), Error> {
        let at = self.readable(options.at)?;
        let start = match options.start_after {
            Some(key) if key >= options.prefix => Bound::Excluded(key),
            _ => Bound::Included(options.prefix),
        };
        let limit = if options.limit == 0 {
            usize::MAX
        } else {
            options.limit
        };
        let mut page = Vec::new();
        let mut live = self
            .keys
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(options.prefix))
            .filter_map(|(key, history)| found_at(key, history, at));
        while page.len() < limit {
            match live.next() {
                Some(found) => page.push(found),
                None => return Ok((page, false, at)),
            }
        }
        let more = live.next().is_some();
        Ok((page, more, at))
    }

    /// Retained changes under `prefix` after `from`.
    pub(crate) fn since(&self, prefix: &str, from: Revision) -> Result<VecDeque<Past<V>>, Error> {
        self.readable(Some(from))?;
        let first = self.changes.partition_point(|(r, _)| *r <= from);
        let wanted = self.changes.range(first..);
        Ok(wanted
            .filter(|(_, key)| key.starts_with(prefix))
            .filter_map(|(revision, key)| {
                let history = self.keys.get(key)?;
                let value = history.at(*revision)?.value.clone();
                let previous = history.at(revision - 1).and_then(|v| v.value.clone());
                Some(Past {
                    key: Arc::clone(key),
                    revision: *revision,
                    value,
                    previous,
                })
            })
            .collect())
    }

    /// Records one write. Writes come in revision order; those of one revision name different keys.
    /// One at or below the oldest revision is what history begins with, and replaces what it had.
    pub(crate) fn apply(&mut self, revision: Revision, key: &Arc<str>, value: Option<V>) {
        self.revision = self.revision.max(revision);
        let baseline = revision <= self.oldest;
        if !baseline {
            self.changes.push_back((revision, Arc::clone(key)));
        }
        self.add_bytes(key, value.as_ref());
        let version = Version { revision, value };
        match self.keys.get_mut(key) {
            Some(history) => {
                let old = std::mem::replace(&mut history.latest, version);
                if old.value.is_some() {
                    let bytes = cost(key, old.value.as_ref());
                    self.live_bytes -= bytes;
                    self.history_bytes += bytes;
                }
                history.older.get_or_insert_default().push_back(old);
            }
            None => {
                let (older, latest) = (None, version);
                self.keys.insert(Arc::clone(key), History { older, latest });
            }
        }
        if baseline {
            self.prune(key, revision);
        }
    }

    /// Every retained version of up to `limit` keys after `after`, and the last key visited.
    pub(crate) fn versions(
        &self,
        after: Option<&str>,
        limit: usize,
        into: &mut Vec<(Revision, Arc<str>, Option<V>)>,
    ) -> Option<Arc<str>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = None;
        for (key, history) in self
            .keys
            .range::<str, _>((start, Bound::Unbounded))
            .take(limit)
        {
            let older = history.older.iter().flat_map(|older| older.iter());
            let versions = older.chain([&history.latest]);
            into.extend(versions.map(|v| (v.revision, Arc::clone(key), v.value.clone())));
            last = Some(Arc::clone(key));
        }
        last
    }

    /// Says that a version's value now lies elsewhere. Nothing if the version has been forgotten.
    pub(crate) fn relocate(&mut self, key: &str, revision: Revision, place: V) {
        let Some(history) = self.keys.get_mut(key) else {
            return;
        };
        if history.latest.revision == revision {
            history.latest.value = Some(place);
        } else if let Some(older) = &mut history.older
            && let Ok(i) = older.binary_search_by_key(&revision, |v| v.revision)
            && let Some(version) = older.get_mut(i)
        {
            version.value = Some(place);
        }
    }

    /// Drops history over the limits. Called between revisions.
    pub(crate) fn bound_history(&mut self) {
        while self.changes.len() > self.limits.history_changes
            || self.history_bytes > self.limits.history_bytes
        {
            let Some((revision, _)) = self.changes.front() else {
                return;
            };
            self.compact(*revision);
        }
    }

    /// Forgets what only revisions below `before` can see.
    pub(crate) fn compact(&mut self, before: Revision) {
        self.oldest = self.oldest.max(before);
        while let Some((revision, _)) = self.changes.front()
            && *revision <= before
        {
            if let Some((revision, key)) = self.changes.pop_front() {
                self.prune(&key, revision);
            }
        }
    }

    /// Drops the versions of `key` that the one at `revision` superseded, and that one if it says
    /// that the key is gone.
    fn prune(&mut self, key: &Arc<str>, revision: Revision) {
        let Some(history) = self.keys.get_mut(key) else {
            return;
        };
        if let Some(older) = &mut history.older {
            while let Some(version) = older.front()
                && (version.revision < revision
                    || version.revision == revision && version.value.is_none())
            {
                self.history_bytes -= cost(key, version.value.as_ref());
                older.pop_front();
            }
        }
        if history.older.as_ref().is_some_and(|older| older.is_empty()) {
            history.older = None;
        }
        let latest = &history.latest;
        if history.older.is_none() && latest.value.is_none() && latest.revision <= revision {
            self.history_bytes -= cost::<V>(key, None);
            self.keys.remove(key);
        }
    }

    fn add_bytes(&mut self, key: &str, value: Option<&V>) {
        let bytes = cost(key, value);
        match value {
            Some(_) => self.live_bytes += bytes,
            None => self.history_bytes += bytes,
        }
    }
}

fn found_at<V: Value>(key: &Arc<str>, history: &History<V>, at: Revision) -> Option<Found<V>> {
    let version = history.at(at)?;
    Some(Found {
        key: Arc::clone(key),
        revision: version.revision,
        value: version.value.clone()?,
    })
}
