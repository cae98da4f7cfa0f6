//! What the engines share: the index under one lock, its watchers, and the order between them.

use crate::{
    Change, Entry, Error, Limits, RangeOptions, RangeResult, Revision, Watch,
    index::{Found, Index, Past, Value},
    watch::{Hub, Replay},
};
use parking_lot::{RwLock, RwLockWriteGuard};

/// An index and its watchers. Invariant: both change under the index's write lock, so a watch that
/// registers under the read lock misses nothing and sees nothing twice.
pub(crate) struct Ledger<V> {
    index: RwLock<Index<V>>,
    hub: Hub,
}

/// A range whose values are not loaded yet.
pub(crate) struct Page<V> {
    found: Vec<Found<V>>,
    more: bool,
    revision: Revision,
}

impl<V: Value> Ledger<V> {
    pub(crate) fn new(index: Index<V>) -> Self {
        let hub = Hub::new(index.revision());
        let index = RwLock::new(index);
        Self { index, hub }
    }

    /// An empty ledger at revision 1.
    pub(crate) fn empty(limits: Limits) -> Self {
        Self::new(Index::new(1, 1, limits))
    }

    pub(crate) fn index(&self) -> &RwLock<Index<V>> {
        &self.index
    }

    pub(crate) fn revision(&self) -> Revision {
        self.hub.revision()
    }

    pub(crate) fn get(&self, key: &str, at: Option<Revision>) -> Result<Option<Entry>, Error> {
        let found = self.index.read().get(key, at)?;
        found.map(load).transpose()
    }

    pub(crate) fn page(&self, options: RangeOptions<'_>) -> Result<Page<V>, Error> {
        let (found, more, revision) = self.index.read().range(options)?;
        Ok(Page {
            found,
            more,
            revision,
        })
    }

    pub(crate) fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, Error> {
        let index = self.index.read();
        let past = index.since(prefix, from)?;
        let replay = (!past.is_empty()).then(|| Box::new(past.into_iter().map(replayed)) as Replay);
        Ok(self.hub.register(prefix, replay))
    }

    /// See [`Hub::ring`].
    pub(crate) fn ring(&self) {
        self.hub.ring();
    }

    pub(crate) fn compact(&self, before: Revision) -> Result<(), Error> {
        let mut index = self.index.write();
        if before > index.revision() {
            return Err(Error::Future {
                requested: before,
                current: index.revision(),
            });
        }
        index.compact(before);
        Ok(())
    }

    /// Makes durable changes visible: readers first, then watchers. `places` says for each change
    /// where its value lies.
    pub(crate) fn commit(
        &self,
        mut index: RwLockWriteGuard<'_, Index<V>>,
        changes: &[Change],
        places: impl Iterator<Item = Option<V>>,
    ) {
        for (change, place) in changes.iter().zip(places) {
            index.apply(change.revision, &change.key, place);
        }
        index.bound_history();
        self.hub.publish(changes, index.revision());
    }
}

impl<V: Value> Page<V> {
    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    pub(crate) fn load(self) -> Result<RangeResult, Error> {
        Ok(RangeResult {
            entries: self.found.into_iter().map(load).collect::<Result<_, _>>()?,
            more: self.more,
            revision: self.revision,
        })
    }
}

fn load<V: Value>(found: Found<V>) -> Result<Entry, Error> {
    Ok(Entry {
        key: found.key,
        value: found.value.load()?,
        revision: found.revision,
    })
}

fn replayed<V: Value>(past: Past<V>) -> Result<Change, Error> {
    Ok(Change {
        key: past.key,
        value: past.value.map(|v| v.load()).transpose()?,
        previous: past.previous.map(|v| v.load()).transpose()?,
        revision: past.revision,
    })
}
