//! Frames: the bytes of one group commit, whole or void.
//!
//! `magic u32 | body length u32 | crc32c u32 | body`, numbers little-endian. The checksum also covers
//! the file's salt, the offset and the length, so that bytes stored as a value can never pass for a
//! frame. The body is operations: `revision u64 | key length u16 | value length u32 | key | value`,
//! where the value length `u32::MAX` is a deletion and `u32::MAX - 1`, with an empty key, a ceiling: revisions
//! up to its own may have been given to volatile commits, which are not in the log. An empty body seals a rewritten file.

use crate::{Revision, limits};

/// Bytes before the body.
pub(super) const HEADER: usize = 12;
const MAGIC: u32 = 0x4C4D_4153;
const OPERATION: usize = 14;
const DELETED: u32 = u32::MAX;
const CEILING: u32 = u32::MAX - 1;

/// One operation of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Operation<'a> {
    Write {
        revision: Revision,
        key: &'a str,
        /// Where in the body the value begins, and its length; `None` is a deletion.
        value: Option<(usize, usize)>,
    },
    Ceiling(Revision),
}

/// A frame being built. The buffer is kept from commit to commit.
#[derive(Default)]
pub(super) struct Builder {
    bytes: Vec<u8>,
}

impl Builder {
    /// Begins a new frame.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(limits::REWRITE_STEP_BYTES);
        self.bytes.resize(HEADER, 0);
    }

    /// Adds an operation; the answer is where its value begins, from the frame's start.
    pub(super) fn push(&mut self, revision: Revision, key: &str, value: Option<&[u8]>) -> usize {
        // `Transaction::check` bounds both lengths far below these types.
        debug_assert!(key.len() <= limits::KEY_BYTES);
        let key_length = u16::try_from(key.len()).unwrap_or(u16::MAX);
        let length = value.map_or(DELETED, |v| u32::try_from(v.len()).unwrap_or(DELETED));
        self.head(revision, key_length, length);
        self.bytes.extend_from_slice(key.as_bytes());
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value.unwrap_or_default());
        start
    }

    /// Says that revisions up to this one may be in use without being in the log.
    pub(super) fn push_ceiling(&mut self, revision: Revision) {
        self.head(revision, 0, CEILING);
    }

    fn head(&mut self, revision: Revision, key_length: u16, length: u32) {
        self.bytes.extend_from_slice(&revision.to_le_bytes());
        self.bytes.extend_from_slice(&key_length.to_le_bytes());
        self.bytes.extend_from_slice(&length.to_le_bytes());
    }

    /// How long the frame is so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The finished frame, valid only at `offset` of the file with this salt.
    pub(super) fn finish(&mut self, salt: u64, offset: u64) -> &[u8] {
        let length = u32::try_from(self.bytes.len() - HEADER).unwrap_or(u32::MAX);
        let checksum = checksum(salt, offset, length, &self.bytes[HEADER..]);
        self.bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
        self.bytes[4..8].copy_from_slice(&length.to_le_bytes());
        self.bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
        &self.bytes
    }
}

/// The body length a header announces, if it can be one.
pub(super) fn body_length(header: &[u8]) -> Option<usize> {
    let length = usize::try_from(number(header, 4)?).ok()?;
    (number(header, 0)? == MAGIC && length <= limits::FRAME_BYTES).then_some(length)
}

/// Whether header and body belong together at this place.
pub(super) fn is_valid(header: &[u8], body: &[u8], salt: u64, offset: u64) -> bool {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    number(header, 8) == Some(checksum(salt, offset, length, body))
}

/// Where in `bytes` frames might begin.
pub(super) fn beginnings(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let magic = MAGIC.to_le_bytes();
    let all = bytes.windows(magic.len()).enumerate();
    all.filter(move |(_, w)| *w == magic).map(|(at, _)| at)
}

/// The operations of a valid body; the error is the offset that cannot be read.
pub(super) fn operations(body: &[u8]) -> impl Iterator<Item = Result<Operation<'_>, usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= body.len() {
            return None;
        }
        let Some((operation, next)) = operation(body, at) else {
            let bad = at;
            at = body.len();
            return Some(Err(bad));
        };
        at = next;
        Some(Ok(operation))
    })
}

fn operation(body: &[u8], at: usize) -> Option<(Operation<'_>, usize)> {
    let head = body.get(at..at + OPERATION)?;
    let revision = u64::from_le_bytes(head[..8].try_into().ok()?);
    let key_length = usize::from(u16::from_le_bytes(head[8..10].try_into().ok()?));
    let length = u32::from_le_bytes(head[10..14].try_into().ok()?);
    let key_at = at + OPERATION;
    if length == CEILING {
        return (key_length == 0).then_some((Operation::Ceiling(revision), key_at));
    }
    let value_at = key_at + key_length;
    let key = std::str::from_utf8(body.get(key_at..value_at)?).ok()?;
    let value = match length {
        DELETED => None,
        length => Some((value_at, usize::try_from(length).ok()?)),
    };
    let end = value_at + value.map_or(0, |(_, length)| length);
    let operation = Operation::Write {
        revision,
        key,
        value,
    };
    (end <= body.len()).then_some((operation, end))
}

fn checksum(salt: u64, offset: u64, length: u32, body: &[u8]) -> u32 {
    let mut place = [0; 20];
    place[..8].copy_from_slice(&salt.to_le_bytes());
    place[8..16].copy_from_slice(&offset.to_le_bytes());
    place[16..].copy_from_slice(&length.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&place), body)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
