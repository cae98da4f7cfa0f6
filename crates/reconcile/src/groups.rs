//! Objects of one kind grouped by the key of an object of another, such as slices by service, and which groups
//! changed: for loops that keep something outside the API equal to the caches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::Object;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{Cache, Key};

/// The groups of one kind. Holds a pointer to each member and at most one note for each group that changed.
pub struct Groups<T> {
    state: Mutex<State<T>>,
    changed: Notify,
}

struct State<T> {
    dirty: BTreeSet<Key>,
    members: BTreeMap<Key, BTreeMap<Key, Arc<T>>>,
}

impl<T: Object> Groups<T> {
    /// Groups the members in the cache by `group_of`, and follows them.
    pub fn of(members: &Cache<T>, group_of: fn(&T) -> Option<Key>) -> Arc<Self> {
        let groups = Arc::new(Self {
            state: Mutex::new(State {
                dirty: BTreeSet::new(),
                members: BTreeMap::new(),
            }),
            changed: Notify::new(),
        });
        let noted = Arc::clone(&groups);
        members.on_change(move |change| {
            if let Some(old) = &change.old
                && let Some(group) = group_of(old)
            {
                noted.note(group, |members| {
                    members.remove(&Key::of(old.metadata()));
                });
            }
            if let Some(new) = &change.new
                && let Some(group) = group_of(new)
            {
                noted.note(group, |members| {
                    members.insert(Key::of(new.metadata()), Arc::clone(new));
                });
            }
        });
        groups
    }

    /// Counts a change of the object that gives a group its key as a change of the group.
    pub fn follow<U: Object>(self: &Arc<Self>, owners: &Cache<U>) {
        let noted = Arc::clone(self);
        owners.on_change(move |change| {
            if let Some(owner) = change.latest() {
                noted.note(Key::of(owner.metadata()), |_| {});
            }
        });
    }

    /// The groups that changed since the last call, with their members in the order of their names.
    pub fn take(&self) -> Vec<(Key, Vec<Arc<T>>)> {
        let mut state = self.state.lock();
        let dirty = std::mem::take(&mut state.dirty);
        let members = |key: &Key| {
            let members = state.members.get(key).into_iter().flatten();
            members.map(|(_, member)| Arc::clone(member)).collect()
        };
        dirty
            .into_iter()
            .map(|key| {
                let members = members(&key);
                (key, members)
            })
            .collect()
    }

    /// Waits until a group has changed since the last `take`.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn note(&self, group: Key, change: impl FnOnce(&mut BTreeMap<Key, Arc<T>>)) {
        let mut state = self.state.lock();
        let members = state.members.entry(group.clone()).or_default();
        change(members);
        if members.is_empty() {
            state.members.remove(&group);
        }
        state.dirty.insert(group);
        drop(state);
        self.changed.notify_one();
    }
}
