//! Documents already made: the ones asked for last, up to a limit.

use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// The shelf.
pub(crate) struct Documents(Mutex<Shelf>);

struct Shelf {
    /// Most bytes kept.
    limit: usize,
    /// Asked for last at the back.
    kept: VecDeque<(String, Bytes)>,
    bytes: usize,
}

impl Documents {
    /// An empty shelf that holds so many bytes.
    pub(crate) fn holding(limit: usize) -> Self {
        Self(Mutex::new(Shelf {
            limit,
            kept: VecDeque::new(),
            bytes: 0,
        }))
    }

    /// A document from the shelf, or else made now and put there.
    pub(crate) fn get_or(&self, name: &str, make: impl FnOnce() -> Option<Bytes>) -> Option<Bytes> {
        if let Some(found) = self.get(name) {
            return Some(found);
        }
        let made = make()?;
        self.put(name, &made);
        Some(made)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Bytes> {
        let mut shelf = self.0.lock();
        let at = shelf.kept.iter().position(|(own, _)| own == name)?;
        let found = shelf.kept.remove(at)?;
        let bytes = found.1.clone();
        shelf.kept.push_back(found);
        Some(bytes)
    }

    pub(crate) fn put(&self, name: &str, bytes: &Bytes) {
        let mut shelf = self.0.lock();
        if shelf.kept.iter().any(|(own, _)| own == name) {
            return;
        }
        shelf.bytes += bytes.len();
        shelf.kept.push_back((name.to_owned(), bytes.clone()));
        while shelf.bytes > shelf.limit && shelf.kept.len() > 1 {
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
        let shelf = Documents::holding(3 << 20);
        let document = Bytes::from(vec![0; 1 << 20]);
        for name in ["a", "b", "c"] {
            shelf.put(name, &document);
        }
        assert!(shelf.get("a").is_some());
        shelf.put("d", &document);
        assert!(shelf.get("b").is_none());
        assert!(["a", "c", "d"].iter().all(|name| shelf.get(name).is_some()));
    }

    #[test]
    fn a_document_is_made_once() {
        let shelf = Documents::holding(10);
        let made = |text: &'static [u8]| move || Some(Bytes::from_static(text));
        assert_eq!(shelf.get_or("a", made(b"first")).unwrap(), "first");
        assert_eq!(shelf.get_or("a", made(b"again")).unwrap(), "first");
        assert!(shelf.get_or("none", || None).is_none());
        assert_eq!(shelf.get_or("b", made(b"larger")).unwrap(), "larger");
        assert_eq!(shelf.get_or("a", made(b"later")).unwrap(), "later");
    }
}
