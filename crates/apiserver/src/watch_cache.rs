//! What the store holds, in memory: encoded objects with a small index, and the recent events of
//! each resource. Fed by one watch of the store, in revision order; every read and every watch of a
//! client is answered from here. Upstream: the cacher.

mod item;
mod items;
mod paging;
mod ring;
mod selection;
mod wakers;

pub(crate) use item::{Item, with_metadata, with_revision};
pub(crate) use items::Items;
pub(crate) use paging::Page;
pub(crate) use ring::{CacheEvent, Lost};
pub(crate) use selection::Selection;

use crate::resources::{Resources, Slot, local_key};
use machinery::status::{Cause, Details, Status};
use parking_lot::{Mutex, RwLock};
use ring::Ring;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use store::{Change, Event, RangeOptions, Revision, Store};
use tokio::sync::watch;
use wakers::Wakers;

/// Entries read from the store at a time while loading.
const LOAD_PAGE: usize = 1000;
/// Where claims of admission live in the store.
const CLAIMS: &str = "/claims/";
/// How long until changes that could not be read are tried again.
const FOLLOW_AGAIN: Duration = Duration::from_secs(1);
/// How long a read waits for a revision the store has not reached.
const FUTURE_REVISION_WAIT: Duration = Duration::from_secs(3);

/// All resources at one revision. Invariant: changes only under the write lock, a whole transaction
/// at a time, so that a reader sees one revision of everything.
struct State {
    revision: Revision,
    resources: Vec<Contents>,
    /// What writes have claimed, and when each claim was last written.
    claims: HashMap<Arc<str>, Revision>,
}

struct Contents {
    items: Items,
    ring: Ring,
}

/// The cache.
pub(crate) struct WatchCache {
    store: Arc<dyn Store>,
    feed: Mutex<store::Watch>,
    served: Arc<Resources>,
    state: RwLock<State>,
    applied: watch::Sender<Revision>,
    wakers: Vec<Wakers>,
    /// The store cannot be followed any more.
    cut: AtomicBool,
}

impl WatchCache {
    /// Reads everything; [`WatchCache::follow`] goes on from there.
    pub(crate) async fn load(
        store: Arc<dyn Store>,
        served: Arc<Resources>,
    ) -> Result<Self, store::Error> {
        let mut contents: Vec<_> = served.slots().iter().map(|_| Items::default()).collect();
        let mut after: Option<Arc<str>> = None;
        let mut at = None;
        let revision = loop {
            let page = store
                .range(RangeOptions {
                    prefix: "/registry/",
                    start_after: after.as_deref(),
                    limit: LOAD_PAGE,
                    at,
                })
                .await?;
            at = Some(page.revision);
            after = page.entries.last().map(|entry| Arc::clone(&entry.key));
            for entry in &page.entries {
                let Some((slot, local)) = served.slot_of(&entry.key) else {
                    continue;
                };
                let law = served.slots()[slot].law;
                let item = Item::new(law, (&entry.key, local), &entry.value, entry.revision);
                contents[slot].insert(Arc::new(item));
            }
            if !page.more {
                break page.revision;
            }
        };
        let claims = load_claims(&*store, revision).await?;
        let feed = store.watch("", revision).await?.quiet();
        let resources = contents
            .into_iter()
            .map(|items| Contents {
                items,
                ring: Ring::new(revision),
            })
            .collect::<Vec<_>>();
        Ok(Self {
            store,
            feed: Mutex::new(feed),
            wakers: resources.iter().map(|_| Wakers::new(revision)).collect(),
            served,
            state: RwLock::new(State {
                revision,
                resources,
                claims,
            }),
            applied: watch::channel(revision).0,
            cut: AtomicBool::new(false),
        })
    }

    /// Takes over what the store has committed by now. Whoever commits does it, and whoever reads and finds
    /// the store ahead, so that nobody else need be woken for each write.
    ///
    /// # Errors
    /// When the store cannot be followed; [`WatchCache::follow`] sees to it.
    fn absorb(&self) -> Result<(), store::Error> {
        let mut feed = self.feed.lock();
        while let Some(event) = feed.take() {
            match event? {
                Event::Changes(changes) => self.apply(&changes),
                Event::Progress(_) => {}
            }
        }
        Ok(())
    }

    /// Absorbs what a request commits when that is dropped: at its end, or when the client leaves before.
    pub(crate) fn absorbing(&self) -> Absorbing<'_> {
        Absorbing(self)
    }

    /// Absorbs what nobody else does, until the store closes.
    pub(crate) async fn follow(&self) {
        loop {
            match self.absorb() {
                Ok(()) => {
                    let bell = self.feed.lock().bell();
                    bell.rung().await;
                }
                Err(store::Error::Closed) => {
                    self.cut.store(true, Ordering::Relaxed);
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "the watch cache lost the store; it re-reads the changes since");
                    if !matches!(error, store::Error::SlowWatcher { .. }) {
                        tokio::time::sleep(FOLLOW_AGAIN).await;
                    }
                    let from = self.state.read().revision;
                    match self.store.watch("", from).await {
                        Ok(again) => *self.feed.lock() = again.quiet(),
                        Err(error) => {
                            tracing::error!(%error, "the watch cache cannot follow the store any more");
                            self.cut.store(true, Ordering::Relaxed);
                            return;
                        }
                    }
                }
            }
        }
    }

    fn apply(&self, changes: &[Change]) {
        let Some(last) = changes.last() else { return };
        // Decoding happens before the lock is taken.
        let items: Vec<_> = changes.iter().map(|change| self.indexed(change)).collect();
        let mut touched: BTreeMap<Slot, (Vec<&str>, usize)> = BTreeMap::new();
        {
            let mut state = self.state.write();
            for (slot, key, item, revision) in items.into_iter().flatten() {
                let contents = &mut state.resources[slot];
                let previous = match &item {
                    Some(item) => contents.items.insert(Arc::clone(item)),
                    None => contents.items.remove(key),
                };
                let event = CacheEvent::new(revision, item, previous);
                let (keys, bytes) = touched.entry(slot).or_default();
                *bytes += event.size();
                keys.push(key);
                contents.ring.push(event);
            }
            for change in changes.iter().filter(|it| it.key.starts_with(CLAIMS)) {
                match &change.value {
                    Some(_) => state
                        .claims
                        .insert(Arc::clone(&change.key), change.revision),
                    None => state.claims.remove(&change.key),
                };
            }
            state.revision = last.revision;
        }
        self.applied.send_replace(last.revision);
        for (slot, (keys, bytes)) in touched {
            self.wakers[slot].wake(last.revision, &keys, bytes);
        }
    }

    #[allow(clippy::type_complexity)] // local to apply
    fn indexed<'c>(
        &self,
        change: &'c Change,
    ) -> Option<(Slot, &'c str, Option<Arc<Item>>, Revision)> {
        let (slot, local) = self.served.slot_of(&change.key)?;
        let law = self.served.slots()[slot].law;
        let item = change.value.as_ref().map(|value| {
            let item = Item::new(law, (&change.key, local), value, change.revision);
            Arc::new(item)
        });
        Some((slot, local, item, change.revision))
    }

    /// Waits until everything committed by now can be read here.
    pub(crate) async fn catch_up(&self) {
        let revision = self.store.revision();
        if *self.applied.borrow() < revision {
            // If it cannot, following does.
            drop(self.absorb());
        }
        self.reach(revision).await;
    }

    async fn reach(&self, revision: Revision) {
        if *self.applied.borrow() >= revision {
            return;
        }
        let mut applied = self.applied.subscribe();
        // The sender lives in self, so this can only end by reaching the revision.
        let _ = applied.wait_for(|it| *it >= revision).await;
    }

    /// Waits for a revision a client named; a revision far ahead is upstream's 504.
    pub(crate) async fn reach_named(&self, revision: Revision) -> Result<(), Status> {
        if tokio::time::timeout(FUTURE_REVISION_WAIT, self.reach(revision))
            .await
            .is_ok()
        {
            return Ok(());
        }
        let current = self.revision();
        let message = format!("Too large resource version: {revision}, current: {current}");
        let mut status = Status::failure(504, "Timeout", format!("Timeout: {message}"));
        status.details = Some(Details {
            retry_after_seconds: 1,
            causes: vec![Cause {
                reason: "ResourceVersionTooLarge".to_owned(),
                message: "Too large resource version".to_owned(),
                ..Cause::default()
            }],
            ..Details::default()
        });
        Err(status)
    }

    pub(crate) fn revision(&self) -> Revision {
        self.state.read().revision
    }

    pub(crate) fn get(&self, slot: Slot, namespace: &str, name: &str) -> Option<Arc<Item>> {
        let state = self.state.read();
        state.resources[slot]
            .items
            .get(local_key(namespace, name).as_str())
            .cloned()
    }

    /// When a claim was last written, if it is held.
    pub(crate) fn claim(&self, key: &str) -> Option<Revision> {
        self.state.read().claims.get(key).copied()
    }

    /// Every claim that is held.
    pub(crate) fn claims(&self) -> Vec<Arc<str>> {
        self.state.read().claims.keys().cloned().collect()
    }

    /// Where a watch goes on that names the revision it has seen.
    pub(crate) fn place(&self, slot: Slot, named: Revision) -> Revision {
        self.state.read().resources[slot].ring.place(named)
    }

    /// How many objects a resource has.
    pub(crate) fn count(&self, slot: Slot) -> usize {
        self.state.read().resources[slot].items.len()
    }

    /// Events after `from`, at most `limit`, with the revision everything up to which was looked at.
    pub(crate) fn events_after(
        &self,
        slot: Slot,
        from: Revision,
        limit: usize,
    ) -> Result<(Vec<Arc<CacheEvent>>, Revision), Lost> {
        let state = self.state.read();
        let events = state.resources[slot].ring.after(from, limit)?;
        let seen = match events.last() {
            // More may follow; what is here ends with a whole transaction.
            Some(last) if events.len() >= limit => last.revision,
            _ => state.revision.max(from),
        };
        Ok((events, seen))
    }

    /// Wakes when the resource changes.
    pub(crate) fn subscribe(&self, slot: Slot) -> watch::Receiver<Revision> {
        self.wakers[slot].subscribe()
    }

    /// Wakes when what is selected of the resource may have changed, and now and then.
    pub(crate) fn subscribe_to(
        &self,
        slot: Slot,
        selection: &Selection,
    ) -> watch::Receiver<Revision> {
        let namespaced = self.served.slots()[slot].namespaced();
        self.wakers[slot].subscribe_to(selection, namespaced)
    }

    /// Whether changes of the store no longer arrive.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

/// See [`WatchCache::absorbing`].
pub(crate) struct Absorbing<'a>(&'a WatchCache);

impl Drop for Absorbing<'_> {
    fn drop(&mut self) {
        // If it cannot, following does.
        drop(self.0.absorb());
    }
}

async fn load_claims(
    store: &dyn Store,
    at: Revision,
) -> Result<HashMap<Arc<str>, Revision>, store::Error> {
    let mut claims = HashMap::new();
    let mut after: Option<Arc<str>> = None;
    loop {
        let page = store
            .range(RangeOptions {
                prefix: CLAIMS,
                start_after: after.as_deref(),
                limit: LOAD_PAGE,
                at: Some(at),
            })
            .await?;
        after = page.entries.last().map(|entry| Arc::clone(&entry.key));
        let held = page.entries.into_iter();
        claims.extend(held.map(|entry| (entry.key, entry.revision)));
        if !page.more {
            return Ok(claims);
        }
    }
}

#[cfg(test)]
mod tests;
