//! Protobuf's wire format: tags, varints and length-delimited bytes.

/// The value of one field on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// What remains of a message.
pub(crate) struct Message<'a>(pub(crate) &'a [u8]);

impl<'a> Message<'a> {
    /// The next field; `Some(None)` at the end, `None` when malformed.
    pub(crate) fn next(&mut self) -> Option<Option<(u32, Payload<'a>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let key = self.varint()?;
        let tag = u32::try_from(key >> 3).ok().filter(|tag| *tag != 0)?;
        let payload = match key & 7 {
            0 => Payload::Varint(self.varint()?),
            1 => Payload::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Payload::Bytes(self.take(length)?)
            }
            5 => Payload::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some(Some((tag, payload)))
    }

    pub(crate) fn varint(&mut self) -> Option<u64> {
        take_number(&mut self.0)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

/// Takes a number of variable length off the front.
pub(crate) fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

pub(crate) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_varint(out: &mut Vec<u8>, tag: u32, value: u64) {
    put_number(out, u64::from(tag) << 3);
    put_number(out, value);
}

pub(crate) fn put_double(out: &mut Vec<u8>, tag: u32, value: f64) {
    put_number(out, u64::from(tag) << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

/// What comes before the bytes of a nested message or a string.
pub(crate) fn put_head(out: &mut Vec<u8>, tag: u32, length: usize) {
    put_number(out, u64::from(tag) << 3 | 2);
    put_number(out, length as u64);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    put_head(out, tag, value.len());
    out.extend_from_slice(value);
}

/// How many bytes [`put_bytes`] writes of a value of this length.
pub(crate) fn bytes_length(tag: u32, length: usize) -> usize {
    head_length(tag, length) + length
}

/// How many bytes [`put_head`] writes.
pub(crate) fn head_length(tag: u32, length: usize) -> usize {
    number_length(u64::from(tag) << 3) + number_length(length as u64)
}

fn number_length(value: u64) -> usize {
    (value | 1).ilog2() as usize / 7 + 1
}
