//! Where a value of the embedded engine lies, and which keys never reach the disk.

use super::segment::Slot;
use crate::{Error, index::Value};
use bytes::Bytes;
use std::sync::Arc;

/// A value on disk or, under a volatile prefix, in memory.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Log(Slot),
    Memory(Bytes),
}

impl Value for Place {
    fn load(&self) -> Result<Bytes, Error> {
        match self {
            Self::Log(slot) => slot.load(),
            Self::Memory(bytes) => Ok(bytes.clone()),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Log(slot) => slot.size(),
            Self::Memory(bytes) => bytes.len(),
        }
    }
}

/// The prefixes of keys that are kept in memory only.
#[derive(Clone, Debug, Default)]
pub(super) struct Volatile(Arc<[String]>);

impl Volatile {
    pub(super) fn new(prefixes: Vec<String>) -> Self {
        Self(prefixes.into())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn covers(&self, key: &str) -> bool {
        self.0.iter().any(|prefix| key.starts_with(&**prefix))
    }
}
