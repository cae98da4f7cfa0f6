//! Randomness from one seed: identifiers and the suffixes of generated names. A test cluster gives
//! one seed and gets the same run again; the product seeds from the kernel.

use parking_lot::Mutex;
use std::{fs::File, io::Read, sync::Arc};

/// Letters and digits that cannot form words, as upstream's `rand.SafeEncodeString` has them.
const SAFE_ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A stream of random numbers; clones share it.
#[derive(Clone, Debug)]
pub struct Random(Arc<Mutex<u64>>);

impl Random {
    /// Seeds from the kernel.
    ///
    /// # Errors
    /// When `/dev/urandom` cannot be read.
    pub fn from_kernel() -> std::io::Result<Self> {
        let mut seed = [0; 8];
        File::open("/dev/urandom")?.read_exact(&mut seed)?;
        Ok(Self::from_seed(u64::from_le_bytes(seed)))
    }

    /// The same seed gives the same stream.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    /// The next number (SplitMix64). Not for keys: those come from the crypto provider.
    #[must_use]
    pub fn next(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound` (0 when `bound` is 0).
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next() % bound }
    }

    /// `length` characters for the end of a generated name.
    #[must_use]
    pub fn suffix(&self, length: usize) -> String {
        (0..length)
            .map(|_| SAFE_ALPHABET[self.below(27) as usize] as char)
            .collect()
    }

    /// A version-4 UUID in its textual form, for `metadata.uid`.
    #[must_use]
    pub fn uuid(&self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | ((b >> 48) & 0x3fff),
            b & 0xffff_ffff_ffff
        )
    }
}

/// Encodes text of any alphabet into the safe one, one character for each: upstream's
/// `rand.SafeEncodeString`, used for `pod-template-hash`.
#[must_use]
pub fn safe_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| SAFE_ALPHABET[byte as usize % SAFE_ALPHABET.len()] as char)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_one_stream() {
        let (a, b) = (Random::from_seed(7), Random::from_seed(7));
        assert_eq!(a.suffix(5), b.suffix(5));
        assert_ne!(a.suffix(10), a.suffix(10));
    }

    #[test]
    fn uuids_are_version_four() {
        let id = Random::from_seed(1).uuid();
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "4");
        assert!("89ab".contains(&id[19..20]));
    }
}
