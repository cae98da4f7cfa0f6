//! Which fields of a struct a reader or a writer has met.

use std::collections::HashSet;

/// Which of a type's fields were met. No type has more than 128 but custom resources may.
#[derive(Default)]
pub(crate) struct Seen {
    few: u128,
    many: HashSet<usize>,
}

impl Seen {
    pub(crate) fn has(&self, at: usize) -> bool {
        match at {
            0..128 => self.few & 1 << at != 0,
            _ => self.many.contains(&at),
        }
    }

    /// Whether it was not met before.
    pub(crate) fn insert(&mut self, at: usize) -> bool {
        if at >= 128 {
            return self.many.insert(at);
        }
        let fresh = self.few & 1 << at == 0;
        self.few |= 1 << at;
        fresh
    }
}
