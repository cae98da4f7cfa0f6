//! Who is woken by a change: those who watch all of a resource, those who watch the namespace it happened
//! in or a name in every namespace, and those who watch the object itself. The others sleep on, and are woken all together before the
//! ring forgets what they have not looked at, so that sleeping makes nobody fall behind.

use crate::watch_cache::Selection;
use parking_lot::Mutex;
use std::collections::HashMap;
use store::Revision;
use tokio::sync::watch;

/// Events of others after which all are woken: a quarter of those that the ring keeps.
const EVENTS: usize = super::ring::EVENTS / 4;
/// Bytes of others' events after which all are woken.
const BYTES: usize = super::ring::BYTES / 4;

/// The watchers of one resource.
pub(super) struct Wakers {
    all: watch::Sender<Revision>,
    scoped: Mutex<Scopes>,
}

/// Those who watch a part of it.
#[derive(Default)]
struct Scopes {
    /// By what local keys of objects begin with (`NAMESPACE/`) or end with (`/NAME`), or by the key of one object.
    /// Those that nobody waits for any more are cleared away when everybody is woken, and before there are twice
    /// as many.
    by_key: HashMap<String, watch::Sender<Revision>>,
    most: usize,
    /// What happened since everybody was woken.
    events: usize,
    bytes: usize,
}

/// The least number of scopes that are looked through for those that nobody waits for.
const SCOPES: usize = 64;

impl Scopes {
    fn clear(&mut self) {
        self.by_key.retain(|_, waker| waker.receiver_count() > 0);
        self.most = (self.by_key.len() * 2).max(SCOPES);
    }
}

impl Wakers {
    pub(super) fn new(revision: Revision) -> Self {
        Self {
            all: watch::channel(revision).0,
            scoped: Mutex::default(),
        }
    }

    /// Wakes for every change.
    pub(super) fn subscribe(&self) -> watch::Receiver<Revision> {
        self.all.subscribe()
    }

    /// Wakes for changes that may concern the selection.
    pub(super) fn subscribe_to(
        &self,
        selection: &Selection,
        namespaced: bool,
    ) -> watch::Receiver<Revision> {
        let Some(scope) = scope(selection, namespaced) else {
            return self.subscribe();
        };
        let mut scoped = self.scoped.lock();
        if scoped.by_key.len() >= scoped.most {
            scoped.clear();
        }
        let revision = *self.all.borrow();
        let waker = scoped.by_key.entry(scope);
        waker
            .or_insert_with(|| watch::channel(revision).0)
            .subscribe()
    }

    /// Wakes those whom changes of these objects concern. `bytes` is how much the ring was given.
    pub(super) fn wake(&self, revision: Revision, keys: &[&str], bytes: usize) {
        self.all.send_replace(revision);
        let mut scoped = self.scoped.lock();
        scoped.events += keys.len();
        scoped.bytes += bytes;
        if scoped.events >= EVENTS || scoped.bytes >= BYTES {
            (scoped.events, scoped.bytes) = (0, 0);
            scoped.clear();
            for waker in scoped.by_key.values() {
                waker.send_replace(revision);
            }
            return;
        }
        for key in keys {
            let slash = key.find('/');
            let (namespace, name) = (slash.map(|at| &key[..=at]), slash.map(|at| &key[at..]));
            for scope in [Some(*key), namespace, name].into_iter().flatten() {
                if let Some(waker) = scoped.by_key.get(scope) {
                    waker.send_replace(revision);
                }
            }
        }
    }
}

/// What the selection's objects have in common that their keys tell; nothing when they are anywhere.
fn scope(selection: &Selection, namespaced: bool) -> Option<String> {
    let name = selection.fields.exact("metadata.name");
    match (namespaced, selection.namespace.as_str(), name) {
        (true, "", None) | (false, _, None) => None,
        (true, "", Some(name)) => Some(format!("/{name}")),
        (true, namespace, None) => Some(format!("{namespace}/")),
        (_, namespace, Some(name)) => Some(crate::resources::local_key(namespace, name)),
    }
}
