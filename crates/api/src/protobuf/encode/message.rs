//! Messages and maps: their parts as JSON orders them, then as Go does.

use super::{Encoder, Slot, special};
use crate::{
    protobuf::wire::{put_bytes, put_double, put_head, put_varint},
    schema::{Field, Form, Shape, Type, TypeRef},
};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::{fmt, ops::Range};

/// Inline messages nest no deeper than this (a test of the table says so).
const INLINE_LEVELS: usize = 2;

/// Where a part belongs: the numbers of the inline messages around its field, then its own, then zeros.
/// An inline message itself is an empty part, which sorts before its fields.
type Place = [u32; INLINE_LEVELS + 1];

/// The number of the field itself.
fn number(place: Place) -> u32 {
    place
        .iter()
        .rev()
        .copied()
        .find(|tag| *tag != 0)
        .unwrap_or_default()
}

/// One field as written, wherever it stands in the output.
struct Part {
    place: Place,
    bytes: Range<usize>,
}

/// An entry of a map as written, and where its key ends.
type Entry = (Range<usize>, usize);

/// The key of an entry. Its number and length come before its bytes.
fn key<'o>(out: &'o [u8], (bytes, end): &Entry) -> &'o [u8] {
    let head = &out[bytes.start + 1..*end];
    let length_bytes = head.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    &head[length_bytes..]
}

/// A field of a type, its own or of one of its inline messages. `next`: where it is looked for first.
fn place<'t>(
    encoder: &Encoder<'t>,
    of: &'t Type,
    name: &str,
    level: usize,
    next: &mut usize,
) -> Option<(Place, &'t Field)> {
    let mut place = Place::default();
    let own = of.field_from(*next, name);
    if let Some((at, own, proto)) = own.and_then(|(at, own)| Some((at, own, own.proto?))) {
        *place.get_mut(level)? = proto.tag;
        *next = at + 1;
        return Some((place, own));
    }
    of.inline.iter().find_map(|inline| {
        let inner = encoder.schemas.get(inline.of);
        let (mut place, field) = self::place(encoder, inner, name, level + 1, &mut 0)?;
        *place.get_mut(level)? = inline.tag;
        Some((place, field))
    })
}

/// Reads a key and says where it belongs, without keeping it.
struct Key<'e, 't> {
    encoder: &'e Encoder<'t>,
    of: &'t Type,
    /// Behind the field of the key before.
    next: &'e mut usize,
}

impl<'de, 't> DeserializeSeed<'de> for Key<'_, 't> {
    type Value = Option<(Place, &'t Field)>;
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        input.deserialize_str(self)
    }
}

impl<'t> Visitor<'_> for Key<'_, 't> {
    type Value = Option<(Place, &'t Field)>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(place(self.encoder, self.of, key, 0, self.next))
    }
}

/// Writes a key of a map as the first field of its entry.
struct EntryKey<'e>(&'e mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for EntryKey<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_str(self)
    }
}

impl Visitor<'_> for EntryKey<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        put_bytes(self.0, 1, key.as_bytes());
        Ok(())
    }
}

impl<'a> Encoder<'a> {
    /// Writes an object of a type; without entries, its zero.
    pub(super) fn object<'de, A: MapAccess<'de>>(
        &mut self,
        of: TypeRef,
        entries: Option<A>,
        tag: Option<u32>,
    ) -> Result<(), A::Error> {
        let schemas = self.schemas;
        let kind = schemas.get(of);
        let base = self.out.len();
        let mut parts: Vec<Part> = Vec::with_capacity(kind.fields.len());
        if let Some(mut entries) = entries {
            let mut next = 0;
            while let Some(found) = entries.next_key_seed(Key {
                encoder: self,
                of: kind,
                next: &mut next,
            })? {
                let Some((place, field)) = found else {
                    entries.next_value::<IgnoredAny>()?;
                    continue;
                };
                let from = self.out.len();
                entries.next_value_seed(Slot {
                    encoder: &mut *self,
                    shape: &field.shape,
                    form: field.proto.map(|proto| proto.form).unwrap_or_default(),
                    tag: Some(number(place)),
                    element: false,
                })?;
                // The last of several values of a field is the one that counts.
                parts.retain(|part| part.place != place);
                let bytes = from..self.out.len();
                if !bytes.is_empty() {
                    parts.push(Part { place, bytes });
                }
            }
        }
        self.fill(kind, Place::default(), 0, &mut parts)
            .map_err(A::Error::custom)?;
        self.assemble(base, tag, &mut parts);
        Ok(())
    }

    /// Adds what Go writes although JSON left it out. `around` are the inline messages above this one.
    fn fill(
        &mut self,
        kind: &'a Type,
        around: Place,
        level: usize,
        parts: &mut Vec<Part>,
    ) -> Result<(), &'static str> {
        let at = |tag| {
            let mut place = around;
            place.get_mut(level).map(|slot| *slot = tag).map(|()| place)
        };
        for field in &kind.fields {
            let Some(proto) = field.proto.filter(|proto| !proto.pointer) else {
                continue;
            };
            let place = at(proto.tag).ok_or("inline messages nest too deeply")?;
            let present = parts.iter().any(|part| part.place == place);
            if present || proto.form != Form::Plain {
                continue;
            }
            let from = self.out.len();
            self.zero(&field.shape, Some(proto.tag));
            let bytes = from..self.out.len();
            if !bytes.is_empty() {
                parts.push(Part { place, bytes });
            }
        }
        for inline in &kind.inline {
            let place = at(inline.tag).ok_or("inline messages nest too deeply")?;
            let bytes = self.out.len()..self.out.len();
            parts.push(Part { place, bytes });
            let of = self.schemas.get(inline.of);
            self.fill(of, place, level + 1, parts)?;
        }
        Ok(())
    }

    /// Writes the zero of a shape.
    pub(super) fn zero(&mut self, shape: &Shape, tag: Option<u32>) {
        let number = tag.unwrap_or_default();
        match shape {
            Shape::String => put_bytes(&mut self.out, number, b""),
            Shape::Boolean | Shape::Int32 | Shape::Int64 => put_varint(&mut self.out, number, 0),
            Shape::Double => put_double(&mut self.out, number, 0.0),
            Shape::Object(of) => {
                let nothing: Option<Nothing> = None;
                // Invariant: only entries fail, and there are none; no type of Go holds itself without a
                // pointer (a test of the table says so).
                let written = self.object(*of, nothing, tag);
                debug_assert!(written.is_ok());
            }
            Shape::Bytes | Shape::List(_) | Shape::Map(_) => {}
            shape => {
                let zero = match shape {
                    Shape::Quantity => special::message(shape, "\"0\""),
                    Shape::IntOrString => special::message(shape, "0"),
                    _ => None,
                };
                put_bytes(&mut self.out, number, &zero.unwrap_or_default());
            }
        }
    }

    /// Writes the entries of a map, by key.
    pub(super) fn map<'de, A: MapAccess<'de>>(
        &mut self,
        of: &Shape,
        mut entries: A,
        tag: u32,
    ) -> Result<(), A::Error> {
        let base = self.out.len();
        let mut written: Vec<Entry> = Vec::new();
        loop {
            let from = self.out.len();
            if entries.next_key_seed(EntryKey(&mut self.out))?.is_none() {
                break;
            }
            let key_end = self.out.len();
            entries.next_value_seed(Slot {
                encoder: &mut *self,
                shape: of,
                form: Form::Plain,
                tag: Some(2),
                element: true,
            })?;
            written.push((from..self.out.len(), key_end));
        }
        let out = &self.out;
        if !written.is_sorted_by(|a, b| key(out, a) < key(out, b)) {
            written.sort_by_key(|entry| key(out, entry));
            // Of several values of a key, the last one counts.
            written.reverse();
            written.dedup_by_key(|entry| key(out, entry));
            written.reverse();
        }
        self.spare.clear();
        for (bytes, _) in &written {
            put_bytes(&mut self.spare, tag, &self.out[bytes.clone()]);
        }
        self.out.truncate(base);
        self.out.extend_from_slice(&self.spare);
        Ok(())
    }

    /// Puts the parts of a message in order and gives it its number and length.
    fn assemble(&mut self, base: usize, tag: Option<u32>, parts: &mut [Part]) {
        parts.sort_by_key(|part| part.place);
        self.spare.clear();
        lay(&self.out, parts, 0, &mut self.spare);
        self.out.truncate(base);
        if let Some(tag) = tag {
            put_head(&mut self.out, tag, self.spare.len());
        }
        self.out.extend_from_slice(&self.spare);
    }

    /// Makes a message of what was written since `base`.
    pub(super) fn wrap(&mut self, base: usize, tag: Option<u32>) {
        self.spare.clear();
        self.spare.extend_from_slice(&self.out[base..]);
        self.out.truncate(base);
        put_bytes(&mut self.out, tag.unwrap_or_default(), &self.spare);
    }
}

/// Copies sorted parts behind each other; those of an inline message as one message.
fn lay(out: &[u8], parts: &[Part], level: usize, to: &mut Vec<u8>) {
    for group in parts.chunk_by(|a, b| a.place[level] == b.place[level]) {
        match group {
            // Only the part that opens an inline message is empty.
            [open, inner @ ..] if open.bytes.is_empty() => {
                let mut message = Vec::new();
                lay(out, inner, level + 1, &mut message);
                put_bytes(to, open.place[level], &message);
            }
            parts => parts
                .iter()
                .for_each(|part| to.extend_from_slice(&out[part.bytes.clone()])),
        }
    }
}

/// Entries of an object that is not there.
enum Nothing {}

impl<'de> MapAccess<'de> for Nothing {
    type Error = serde::de::value::Error;
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        _: K,
    ) -> Result<Option<K::Value>, Self::Error> {
        match *self {}
    }
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, _: V) -> Result<V::Value, Self::Error> {
        match *self {}
    }
}
