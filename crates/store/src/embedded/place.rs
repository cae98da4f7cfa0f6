//! Where a value of the embedded engine lies, and which keys never reach the disk.

use super::{failed, segment::Segment};
use crate::{Error, index::Value};
use bytes::Bytes;
use std::{os::unix::fs::FileExt, sync::Arc};

/// A value on disk or, under a volatile prefix, in memory. Every key has one: it is as small as can be.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Log {
        segment: Arc<Segment>,
        offset: u64,
        length: u32,
    },
    Memory(Box<Bytes>),
}

impl Place {
    /// A value in a file of the log.
    pub(super) fn in_log(segment: &Arc<Segment>, offset: u64, length: usize) -> Self {
        Self::Log {
            segment: Arc::clone(segment),
            offset,
            length: u32::try_from(length).unwrap_or(u32::MAX),
        }
    }
}

impl Value for Place {
    fn load(&self) -> Result<Bytes, Error> {
        let (segment, offset) = match self {
            Self::Memory(bytes) => return Ok(Bytes::clone(bytes)),
            Self::Log {
                segment, offset, ..
            } => (segment, *offset),
        };
        let mut bytes = vec![0; self.size()];
        segment
            .file
            .read_exact_at(&mut bytes, offset)
            .map_err(failed("read", &segment.path))?;
        Ok(bytes.into())
    }

    fn size(&self) -> usize {
        match self {
            Self::Log { length, .. } => *length as usize,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_takes_little() {
        assert_eq!(crate::index::entry_bytes::<Place>(), 56);
    }
}
