//! The recent events of one resource. Watchers read it at their own pace; one that falls behind the
//! ring's start is told to list again, so no watcher can make the server hold more.

use super::Item;
use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};
use store::Revision;

/// Most events kept for a resource.
pub(super) const EVENTS: usize = 8192;
/// Most bytes of objects kept by those events.
pub(super) const BYTES: usize = 32 << 20;

/// A change of one object.
pub(crate) struct CacheEvent {
    pub(crate) revision: Revision,
    /// Absent: deleted.
    pub(crate) current: Option<Arc<Item>>,
    /// Absent: created.
    pub(crate) previous: Option<Arc<Item>>,
    /// The object as its deletion shows it, made by the first watcher that is told of it.
    gone: OnceLock<Arc<Item>>,
}

impl CacheEvent {
    /// What happened to an object at a revision.
    pub(crate) fn new(
        revision: Revision,
        current: Option<Arc<Item>>,
        previous: Option<Arc<Item>>,
    ) -> Self {
        Self {
            revision,
            current,
            previous,
            gone: OnceLock::new(),
        }
    }

    /// Bytes of the object that it keeps alone.
    pub(super) fn size(&self) -> usize {
        let item = self.current.as_ref().or(self.previous.as_ref());
        item.map_or(0, |item| item.size())
    }

    /// What those see who no longer see the object: its last state, as of this event.
    pub(crate) fn gone(&self, last: &Item) -> Arc<Item> {
        let gone = self.gone.get_or_init(|| Arc::new(last.at(self.revision)));
        Arc::clone(gone)
    }
}

/// The revision asked for is older than what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) oldest: Revision,
}

pub(crate) struct Ring {
    events: VecDeque<Arc<CacheEvent>>,
    bytes: usize,
    /// Everything after this revision is in the ring.
    floor: Revision,
}

impl Ring {
    pub(crate) fn new(floor: Revision) -> Self {
        Self {
            events: VecDeque::new(),
            bytes: 0,
            floor,
        }
    }

    pub(crate) fn push(&mut self, event: CacheEvent) {
        self.bytes += event.size();
        self.events.push_back(Arc::new(event));
        while self.events.len() > EVENTS || (self.bytes > BYTES && self.events.len() > 1) {
            let Some(old) = self.events.pop_front() else {
                break;
            };
            self.bytes -= old.size();
            self.floor = old.revision;
        }
    }

    /// Where a watch goes on that has seen `named`. A transaction that wrote several objects of the
    /// resource told of them one by one under one revision, so the watch may have missed the last ones:
    /// it is told of them again.
    pub(crate) fn place(&self, named: Revision) -> Revision {
        let start = self.events.partition_point(|event| event.revision < named);
        let mut events = self.events.range(start..).take(2);
        if events.len() == 2 && events.all(|event| event.revision == named) {
            (named - 1).max(self.floor)
        } else {
            named
        }
    }

    pub(crate) fn after(&self, from: Revision, limit: usize) -> Result<Vec<Arc<CacheEvent>>, Lost> {
        if from < self.floor {
            return Err(Lost { oldest: self.floor });
        }
        let start = self.events.partition_point(|event| event.revision <= from);
        let mut events: Vec<_> = self.events.range(start..).take(limit).cloned().collect();
        // A transaction's events share a revision, by which watchers remember their place.
        while let Some(more) = self.events.get(start + events.len()) {
            if events
                .last()
                .is_none_or(|last| last.revision != more.revision)
            {
                break;
            }
            events.push(Arc::clone(more));
        }
        Ok(events)
    }
}
