//! JSON to protobuf, byte for byte as Go writes it: fields by number, maps by key, and every field that is
//! not a pointer even when it is zero.
//!
//! One pass over the text, no tree: each value is written behind the last one, and when its message ends
//! the parts are put in order and get their length. It runs for every read that asks for protobuf. How
//! deep objects may nest is the limit of whoever reads the JSON.

mod message;
mod special;

use super::wire::{put_bytes, put_double, put_varint};
use crate::schema::{Form, Schemas, Shape, TypeRef};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Encodes an object as a bare message of a type.
pub(super) fn bare(
    schemas: &Schemas,
    of: TypeRef,
    json: &[u8],
) -> Result<Vec<u8>, serde_json::Error> {
    let mut encoder = Encoder {
        schemas,
        out: Vec::with_capacity(json.len()),
        spare: Vec::new(),
    };
    // Checked once, not string by string.
    let text = std::str::from_utf8(json).map_err(serde_json::Error::custom)?;
    let mut input = serde_json::Deserializer::from_str(text);
    let shape = Shape::Object(of);
    Slot {
        encoder: &mut encoder,
        shape: &shape,
        form: Form::Plain,
        tag: None,
        element: true,
    }
    .deserialize(&mut input)?;
    input.end()?;
    Ok(encoder.out)
}

struct Encoder<'a> {
    schemas: &'a Schemas,
    /// Finished values, and those of the messages still open.
    out: Vec<u8>,
    /// Where a message is put in order.
    spare: Vec<u8>,
}

/// A place that takes one JSON value.
struct Slot<'e, 'a> {
    encoder: &'e mut Encoder<'a>,
    shape: &'e Shape,
    form: Form,
    /// The field's number; none for the outermost message, which has neither number nor length.
    tag: Option<u32>,
    /// An item of a list or a value of a map: null stands for its zero, where it is an absent field.
    element: bool,
}

impl Slot<'_, '_> {
    fn number(&self) -> u32 {
        self.tag.unwrap_or_default()
    }

    fn scalar<E: Error>(
        self,
        wanted: bool,
        write: impl FnOnce(&mut Vec<u8>, u32),
    ) -> Result<(), E> {
        if !wanted {
            return Err(E::custom(format_args!("expected {self:?}")));
        }
        let tag = self.number();
        write(&mut self.encoder.out, tag);
        Ok(())
    }

    fn integer<E: Error>(self, value: i64) -> Result<(), E> {
        let (form, shape) = (self.form, self.shape);
        if form != Form::Plain {
            return Err(E::custom("a number is no schema"));
        }
        match shape {
            Shape::Double => self.scalar(true, |out, tag| put_double(out, tag, value as f64)),
            Shape::Int32 => {
                let fits = i32::try_from(value).is_ok();
                self.scalar(fits, |out, tag| put_varint(out, tag, value as u64))
            }
            shape => {
                let wanted = *shape == Shape::Int64;
                self.scalar(wanted, |out, tag| put_varint(out, tag, value as u64))
            }
        }
    }
}

impl fmt::Debug for Slot<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shape)
    }
}

impl<'de> DeserializeSeed<'de> for Slot<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        let raw = matches!(
            self.shape,
            Shape::Any
                | Shape::Time
                | Shape::MicroTime
                | Shape::Duration
                | Shape::Quantity
                | Shape::IntOrString
        );
        if !raw || self.form != Form::Plain {
            return input.deserialize_any(self);
        }
        let text = <&RawValue as serde::Deserialize>::deserialize(input)?.get();
        if text == "null" && !self.element {
            return Ok(());
        }
        let tag = self.number();
        match special::message(self.shape, text) {
            Some(inner) => put_bytes(&mut self.encoder.out, tag, &inner),
            None => return Err(D::Error::custom(format_args!("expected {:?}", self.shape))),
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Slot<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shape)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.element {
            let (tag, shape) = (self.tag, self.shape);
            self.encoder.zero(shape, tag);
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        if matches!(self.form, Form::SchemaOrBool(_)) {
            let mut inner = Vec::new();
            put_varint(&mut inner, 1, u64::from(value));
            return self.scalar(true, |out, tag| put_bytes(out, tag, &inner));
        }
        let wanted = *self.shape == Shape::Boolean;
        self.scalar(wanted, |out, tag| put_varint(out, tag, u64::from(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.integer(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match (i64::try_from(value), self.shape) {
            (Ok(value), _) => self.integer(value),
            (Err(_), Shape::Double) => self.visit_f64(value as f64),
            (Err(_), _) => Err(E::custom(format_args!("{value} does not fit"))),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        let wanted = *self.shape == Shape::Double;
        self.scalar(wanted, |out, tag| put_double(out, tag, value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        if *self.shape == Shape::Bytes {
            let bytes = STANDARD.decode(value).map_err(E::custom)?;
            return self.scalar(true, |out, tag| put_bytes(out, tag, &bytes));
        }
        let wanted = *self.shape == Shape::String;
        self.scalar(wanted, |out, tag| put_bytes(out, tag, value.as_bytes()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let string = Shape::String;
        let schema;
        let (item, tag): (&Shape, u32) = match (self.form, self.shape) {
            (Form::SchemaOrArray(of), _) => {
                schema = Shape::Object(of);
                (&schema, 2)
            }
            (Form::SchemaOrStrings(_), _) => (&string, 2),
            (Form::Plain, Shape::List(item)) if !self.element => (item, self.number()),
            // A list inside a list or a map is a message with the list as its first field.
            (Form::Plain | Form::Wrapped, Shape::List(item)) => (item, 1),
            _ => {
                return Err(A::Error::custom(format_args!(
                    "expected {self:?}, not a list"
                )));
            }
        };
        let wraps = self.element || self.form != Form::Plain;
        let base = self.encoder.out.len();
        loop {
            let slot = Slot {
                encoder: &mut *self.encoder,
                shape: item,
                form: Form::Plain,
                tag: Some(tag),
                element: true,
            };
            if items.next_element_seed(slot)?.is_none() {
                break;
            }
        }
        if wraps {
            self.encoder.wrap(base, self.tag);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<(), A::Error> {
        let (encoder, tag) = (self.encoder, self.tag);
        match (self.form, self.shape) {
            (Form::Plain, Shape::Object(of)) => encoder.object(*of, Some(entries), tag),
            (Form::Plain, Shape::Map(of)) => encoder.map(of, entries, tag.unwrap_or_default()),
            (Form::SchemaOrBool(of), _) => {
                let base = encoder.out.len();
                put_varint(&mut encoder.out, 1, 1);
                encoder.object(of, Some(entries), Some(2))?;
                encoder.wrap(base, tag);
                Ok(())
            }
            (Form::SchemaOrArray(of) | Form::SchemaOrStrings(of), _) => {
                let base = encoder.out.len();
                encoder.object(of, Some(entries), Some(1))?;
                encoder.wrap(base, tag);
                Ok(())
            }
            (_, shape) => Err(A::Error::custom(format_args!(
                "expected {shape:?}, not an object"
            ))),
        }
    }
}
