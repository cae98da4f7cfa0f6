//! Documents already made, compressed: the ones asked for last, up to a limit.

use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Most compressed bytes kept. Everything that is served takes less than this in one encoding.
const BYTES: usize = 3 << 20;

/// The shelf.
#[derive(Default)]
pub(crate) struct Documents(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    /// Asked for last at the back.
    kept: VecDeque<(String, Bytes)>,
    bytes: usize,
}

impl Documents {
    pub(super) fn get(&self, name: &str) -> Option<Bytes> {
        let mut shelf = self.0.lock();
        let at = shelf.kept.iter().position(|(own, _)| own == name)?;
        let found = shelf.kept.remove(at)?;
        let bytes = found.1.clone();
        shelf.kept.push_back(found);
        Some(bytes)
    }

    pub(super) fn put(&self, name: &str, bytes: &Bytes) {
        let mut shelf = self.0.lock();
        if shelf.kept.iter().any(|(own, _)| own == name) {
            return;
        }
        shelf.bytes += bytes.len();
        shelf.kept.push_back((name.to_owned(), bytes.clone()));
        while shelf.bytes > BYTES && shelf.kept.len() > 1 {
            let Some((_, gone)) = shelf.kept.pop_front() else {
                break;
            };
            shelf.bytes -= gone.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shelf_is_bounded_and_keeps_what_is_asked_for() {
        let shelf = Documents::default();
        let document = Bytes::from(vec![0; 1 << 20]);
        for name in ["a", "b", "c"] {
            shelf.put(name, &document);
        }
        assert!(shelf.get("a").is_some());
        shelf.put("d", &document);
        assert!(shelf.get("b").is_none());
        assert!(["a", "c", "d"].iter().all(|name| shelf.get(name).is_some()));
    }
}
