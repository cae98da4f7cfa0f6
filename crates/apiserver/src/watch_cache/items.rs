//! The objects of one resource, in the order of their keys. A key stands in its object and nowhere else.

use super::Item;
use std::{borrow::Borrow, cmp::Ordering, collections::BTreeSet, ops::Bound, sync::Arc};

/// Objects by key.
#[derive(Default)]
pub(crate) struct Items(BTreeSet<Kept>);

struct Kept(Arc<Item>);

impl Borrow<str> for Kept {
    fn borrow(&self) -> &str {
        self.0.key()
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key().cmp(other.0.key())
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Kept {}

impl Items {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Arc<Item>> {
        self.0.get(key).map(|kept| &kept.0)
    }

    /// Puts an object in; the one that had its key.
    pub(crate) fn insert(&mut self, item: Arc<Item>) -> Option<Arc<Item>> {
        self.0.replace(Kept(item)).map(|kept| kept.0)
    }

    /// Takes an object out.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Arc<Item>> {
        self.0.take(key).map(|kept| kept.0)
    }

    /// All from a key on.
    pub(crate) fn from<'a>(
        &'a self,
        start: Bound<&str>,
    ) -> impl Iterator<Item = &'a Arc<Item>> + use<'a> {
        let range = self.0.range::<str, _>((start, Bound::Unbounded));
        range.map(|kept| &kept.0)
    }
}
