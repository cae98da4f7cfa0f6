//! Mutations of bytes: what noise, truncation and lying lengths look like on any wire.

use crate::Random;

/// Bytes that mean something somewhere: lengths, varints, UTF-8 that is none, brackets.
const TELLING: [&[u8]; 16] = [
    b"\0",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
    b"\x7f\xff\xff\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\"",
    b"[[[[[[[[",
    b"{\"a\":",
    b"1e999",
    b"\r\n\r\n",
];

impl Random {
    /// `from`, damaged in one to six places; parts of `other` are spliced in.
    pub fn damaged(&mut self, from: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = from.to_vec();
        for _ in 0..=self.below(6) {
            self.damage(&mut bytes, other);
        }
        bytes
    }

    fn damage(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len() + 1);
        let end = at + self.below((bytes.len() - at).min(64) + 1);
        match self.below(9) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 | 3 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            4 if at < bytes.len() => bytes[at] = self.next() as u8,
            5 => {
                let part = bytes[at..end].to_vec();
                let most = if self.one_in(8) { 200 } else { 3 };
                let times = 1 + self.below(most);
                bytes.splice(at..at, part.repeat(times));
            }
            6 => {
                let from = self.below(other.len() + 1);
                let to = from + self.below((other.len() - from).min(200) + 1);
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            7 => {
                let byte = self.next() as u8;
                let run = vec![byte; 1 + self.below(300)];
                bytes.splice(at..at, run);
            }
            _ => {
                let telling = self.pick(&TELLING);
                bytes.splice(at..end.min(at + telling.len()), telling.iter().copied());
            }
        }
    }
}
