//! Forms that were made of stored objects, so that an object is encoded once for all who ask for the same:
//! those who watch it, and those who list or get it later. Only what somebody asked for is here.

use crate::{
    negotiate::{Encoding, Form, Shape},
    resources::Resource,
    watch_cache::Item,
};
use bytes::Bytes;
use machinery::status::Status;
use parking_lot::{Mutex, RwLock};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Weak},
};

/// Most bytes kept, of the whole server. The oldest go first.
const BYTES: usize = 16 << 20;
/// What a form takes besides its bytes: its key twice, what is left of an object that is gone, allocations.
const ENTRY_BYTES: usize = 256;
/// How many objects can be encoded at once to be kept.
const MAKERS: usize = 16;

/// What determines a form's bytes besides the object.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Of {
    /// Which of the resources that show the object: resources live as long as the server.
    resource: usize,
    shape: Shape,
    encoding: Encoding,
}

impl Of {
    pub(super) fn new(resource: &Arc<Resource>, form: Form) -> Self {
        Self {
            resource: Arc::as_ptr(resource) as usize,
            shape: form.shape,
            encoding: form.encoding,
        }
    }
}

/// An object is told by where it lies, which is its own as long as somebody remembers it.
type Key = (usize, Of);

/// The forms.
#[derive(Default)]
pub(crate) struct Made {
    kept: RwLock<Kept>,
    making: [Mutex<()>; MAKERS],
}

#[derive(Default)]
struct Kept {
    forms: HashMap<Key, (Weak<Item>, Bytes)>,
    /// Oldest first.
    ages: VecDeque<Key>,
    /// Which of them was looked at last.
    seen: usize,
    bytes: usize,
}

impl Kept {
    fn remove(&mut self, key: &Key) {
        if let Some((_, gone)) = self.forms.remove(key) {
            self.bytes -= gone.len() + ENTRY_BYTES;
        }
    }

    /// Looks at two, round and round, and drops those of objects that are gone: with one more for each look
    /// there are never many of them.
    fn sweep(&mut self) {
        for _ in 0..2 {
            self.seen += 1;
            if self.seen >= self.ages.len() {
                self.seen = 0;
            }
            let Some(key) = self.ages.get(self.seen).copied() else {
                return;
            };
            let is_gone = |(item, _): &(Weak<Item>, Bytes)| item.strong_count() == 0;
            if self.forms.get(&key).is_none_or(is_gone) {
                self.ages.swap_remove_back(self.seen);
                self.remove(&key);
            }
        }
    }
}

impl Made {
    /// Itself, if so many objects have room in it. One that is larger would drive out all others for nothing.
    pub(crate) fn holding(&self, items: &[Arc<Item>]) -> Option<&Self> {
        let size = |item: &Arc<Item>| item.size() + ENTRY_BYTES;
        (items.iter().map(size).sum::<usize>() <= BYTES).then_some(self)
    }

    fn find(&self, key: &Key) -> Option<Bytes> {
        let kept = self.kept.read();
        kept.forms.get(key).map(|(_, bytes)| bytes.clone())
    }

    fn keep(&self, key: Key, item: &Arc<Item>, bytes: &Bytes) {
        let mut kept = self.kept.write();
        kept.bytes += bytes.len() + ENTRY_BYTES;
        kept.ages.push_back(key);
        kept.forms
            .insert(key, (Arc::downgrade(item), bytes.clone()));
        kept.sweep();
        while kept.bytes > BYTES && kept.ages.len() > 1 {
            if let Some(oldest) = kept.ages.pop_front() {
                kept.remove(&oldest);
            }
        }
    }
}

/// A form from `made`, or else made now and kept there. `make` asks for no other form of the object.
pub(super) fn shared(
    made: Option<&Made>,
    item: &Arc<Item>,
    of: Of,
    make: impl FnOnce() -> Result<Bytes, Status>,
) -> Result<Bytes, Status> {
    let Some(made) = made else { return make() };
    let at = Arc::as_ptr(item) as usize;
    let key = (at, of);
    if let Some(found) = made.find(&key) {
        return Ok(found);
    }
    // Those whom an event wakes together wait for the first of them.
    let _turn = made.making[at / size_of::<Item>() % MAKERS].lock();
    if let Some(found) = made.find(&key) {
        return Ok(found);
    }
    let bytes = make()?;
    made.keep(key, item, &bytes);
    Ok(bytes)
}

#[cfg(test)]
mod tests;
