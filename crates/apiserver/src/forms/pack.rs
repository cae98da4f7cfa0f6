//! A long answer, compressed block by block as the connection takes it.

use crate::BoxError;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use std::io::Write;

/// Smallest answer worth compressing, as upstream.
pub(super) const GZIP_FROM_BYTES: usize = 128 << 10;

/// Compresses the blocks of another iterator.
pub(super) struct Packed<I> {
    blocks: I,
    /// Absent when the end was written.
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl<I> Packed<I> {
    pub(super) fn new(blocks: I) -> Self {
        Self {
            blocks,
            encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())),
        }
    }
}

impl<I: Iterator<Item = Result<Bytes, BoxError>>> Iterator for Packed<I> {
    type Item = Result<Bytes, BoxError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let encoder = self.encoder.as_mut()?;
            match self.blocks.next() {
                Some(Ok(block)) => {
                    if let Err(error) = encoder.write_all(&block) {
                        return Some(Err(error.into()));
                    }
                    let packed = std::mem::take(encoder.get_mut());
                    if !packed.is_empty() {
                        return Some(Ok(packed.into()));
                    }
                }
                Some(Err(error)) => {
                    self.encoder = None;
                    return Some(Err(error));
                }
                None => {
                    let ended = self.encoder.take()?.finish();
                    return Some(ended.map(Bytes::from).map_err(Into::into));
                }
            }
        }
    }
}
