//! JSON as Go writes it, guided by the kind's schema: what an object does not have is written as `null` or as
//! its zero where Go does so, and the zeros that Go leaves out are gone. The types of k8s-openapi cannot say
//! either: they know absent fields and required ones.
//!
//! One pass: it runs whenever an object is encoded. What only Go writes stands where the object would have it:
//! an object that says it and one that does not have the same bytes.

use crate::schema::{Absent, Field, Schemas, Seen, Shape, Type, TypeRef, builtin};
use serde::{
    Serialize, Serializer,
    ser::{Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStruct},
};
use serde_json::{Error, Value};
use std::ops::Range;

/// An object as it is written.
#[derive(Debug)]
pub struct Written {
    /// The JSON.
    pub json: Vec<u8>,
    /// Whether zeros were written or left out that the object has otherwise: read back, it would be another to
    /// whoever compares.
    pub is_settled: bool,
}

/// Writes an object of a kind.
pub(crate) fn object<T: Serialize>(api_version: &str, kind: &str, value: &T) -> Written {
    let shape = builtin().api_kind(api_version, kind).map(Shape::Object);
    write(builtin(), shape.as_ref(), value)
}

/// Writes a tree that is an object of a type.
#[must_use]
pub fn written(schemas: &Schemas, of: TypeRef, tree: &Value) -> Vec<u8> {
    write(schemas, Some(&Shape::Object(of)), tree).json
}

fn write<T: Serialize>(schemas: &Schemas, shape: Option<&Shape>, value: &T) -> Written {
    let mut writer = Writer {
        schemas,
        out: Vec::with_capacity(1024),
        is_settled: true,
    };
    // Invariant: types of Kubernetes and trees have string keys and no enumerations: nothing is refused.
    let written = value.serialize(writer.slot(shape));
    debug_assert!(written.is_ok(), "{written:?}");
    Written {
        json: writer.out,
        is_settled: writer.is_settled,
    }
}

struct Writer<'a> {
    schemas: &'a Schemas,
    out: Vec<u8>,
    is_settled: bool,
}

impl<'a> Writer<'a> {
    fn slot<'w>(&'w mut self, shape: Option<&'a Shape>) -> Slot<'w, 'a> {
        Slot {
            writer: self,
            shape,
        }
    }

    fn plain<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        serde_json::to_writer(&mut self.out, value)
    }

    fn is_open(&self) -> bool {
        matches!(self.out.last(), Some(b'{' | b'['))
    }

    fn comma(&mut self) {
        if !self.is_open() {
            self.out.push(b',');
        }
    }

    /// Puts a field's value right that was written at `at`, its name and all at `start`.
    fn settle(&mut self, field: &Field, start: usize, at: usize) {
        let value = &self.out[at..];
        let is_null = value == b"null" || is_zero_time(&field.shape, value);
        let is_empty = field.absent == Absent::Nil && matches!(value, b"[]" | b"{}");
        let is_left_out = match field.absent {
            Absent::Unwritten if is_null => field.omits_zero || value == b"null",
            _ => field.omits_zero && is_zero(&field.shape, value),
        };
        self.is_settled &= !(is_left_out || is_null || is_empty);
        if is_left_out {
            self.out.truncate(start);
        } else if is_null || is_empty {
            self.out.truncate(at);
            self.nothing(field);
        }
    }

    /// The fields that Go writes of a type and the object does not have, of those in a range.
    fn absent(&mut self, of: &Type, range: Range<usize>, seen: &mut Seen) {
        for at in range {
            let Some(field) = of.fields.get(at) else {
                continue;
            };
            if field.absent == Absent::Unwritten || seen.has(at) {
                continue;
            }
            seen.insert(at);
            self.comma();
            self.out.push(b'"');
            self.out.extend_from_slice(field.name.as_bytes());
            self.out.extend_from_slice(b"\":");
            self.nothing(field);
        }
    }

    /// What Go writes where a field has nothing.
    fn nothing(&mut self, field: &Field) {
        match field.absent {
            Absent::Zero => self.zero(&field.shape),
            _ => self.out.extend_from_slice(b"null"),
        }
    }

    fn zero(&mut self, shape: &Shape) {
        self.is_settled = false;
        let text = match shape {
            Shape::Object(of) => {
                self.out.push(b'{');
                let of = self.schemas.get(*of);
                self.absent(of, 0..of.fields.len(), &mut Seen::default());
                "}"
            }
            Shape::String | Shape::Bytes => r#""""#,
            Shape::Boolean => "false",
            Shape::Int32 | Shape::Int64 | Shape::Double | Shape::IntOrString => "0",
            Shape::Duration => r#""0s""#,
            Shape::Quantity => r#""0""#,
            Shape::List(_) | Shape::Map(_) | Shape::Time | Shape::MicroTime | Shape::Any => "null",
        };
        self.out.extend_from_slice(text.as_bytes());
    }
}

/// What `omitempty` leaves out, as it is written. A struct is always written, and so are types that write
/// themselves.
fn is_zero(shape: &Shape, value: &[u8]) -> bool {
    match shape {
        Shape::String | Shape::Bytes => value == br#""""#,
        Shape::Boolean => value == b"false",
        Shape::Int32 | Shape::Int64 => value == b"0",
        Shape::Double => matches!(value, b"0" | b"0.0" | b"-0.0"),
        Shape::List(_) => value == b"[]",
        Shape::Map(_) => value == b"{}",
        _ => false,
    }
}

/// Go's zero time, which the types cannot tell from any other.
fn is_zero_time(shape: &Shape, value: &[u8]) -> bool {
    matches!(shape, Shape::Time | Shape::MicroTime)
        && value
            .strip_prefix(br#""0001-01-01T00:00:00"#)
            .and_then(|rest| rest.strip_suffix(br#"Z""#))
            .is_some_and(|rest| rest.iter().all(|byte| matches!(byte, b'.' | b'0')))
}

/// A place that takes one value.
struct Slot<'w, 'a> {
    writer: &'w mut Writer<'a>,
    /// None below what has no schema.
    shape: Option<&'a Shape>,
}

impl<'w, 'a> Slot<'w, 'a> {
    fn fields(self) -> Fields<'w, 'a> {
        let (of, values) = match self.shape {
            Some(Shape::Object(of)) => (Some(self.writer.schemas.get(*of)), None),
            Some(Shape::Map(value)) => (None, Some(&**value)),
            _ => (None, None),
        };
        let is_root = self.writer.out.is_empty();
        self.writer.out.push(b'{');
        Fields {
            writer: self.writer,
            of,
            values,
            is_root,
            seen: Seen::default(),
            next: 0,
            start: 0,
            field: None,
        }
    }
}

/// The fields of a struct, or the entries of a map.
struct Fields<'w, 'a> {
    writer: &'w mut Writer<'a>,
    of: Option<&'a Type>,
    values: Option<&'a Shape>,
    is_root: bool,
    seen: Seen,
    /// Where the next field most likely stands: both sides are sorted, but for the head of the object.
    next: usize,
    /// Where the entry under way begins.
    start: usize,
    /// The field that it is.
    field: Option<&'a Field>,
}

impl<'a> Fields<'_, 'a> {
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.start = self.writer.out.len();
        self.writer.comma();
        self.writer.plain(key)?;
        if let Some(of) = self.of {
            self.place(of);
        }
        self.writer.out.push(b':');
        Ok(())
    }

    /// Finds the field whose name was just written, and puts absent ones before it.
    fn place(&mut self, of: &'a Type) {
        let written = &self.writer.out[self.start..];
        let name = written.strip_prefix(b",").unwrap_or(written);
        let name = &name[1..name.len() - 1];
        let text = std::str::from_utf8(name).unwrap_or_default();
        let found = of.field_from(self.next, text);
        self.field = found.map(|(_, field)| field);
        let Some((at, _)) = found else {
            return;
        };
        self.seen.insert(at);
        if self.is_root && matches!(name, b"apiVersion" | b"kind") {
            return;
        }
        let passed = self.next..at;
        self.next = at + 1;
        let mut is_filled = of.fields.get(passed.clone()).into_iter().flatten();
        if is_filled.any(|field| field.absent != Absent::Unwritten) {
            let name = name.to_vec();
            self.writer.out.truncate(self.start);
            self.writer.absent(of, passed, &mut self.seen);
            self.start = self.writer.out.len();
            self.writer.comma();
            self.writer.out.push(b'"');
            self.writer.out.extend(name);
            self.writer.out.push(b'"');
        }
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let at = self.writer.out.len();
        let shape = self.field.map(|it| &it.shape).or(self.values);
        value.serialize(self.writer.slot(shape))?;
        match self.field {
            Some(field) => self.writer.settle(field, self.start, at),
            None if shape.is_some_and(|it| is_zero_time(it, &self.writer.out[at..])) => {
                self.writer.out.truncate(at);
                self.writer.out.extend_from_slice(b"null");
            }
            None => {}
        }
        Ok(())
    }

    fn close(mut self) {
        if let Some(of) = self.of {
            let all = 0..of.fields.len();
            self.writer.absent(of, all, &mut self.seen);
        }
        self.writer.out.push(b'}');
    }
}

impl SerializeStruct for Fields<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.key(key)?;
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeMap for Fields<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

struct Items<'w, 'a> {
    writer: &'w mut Writer<'a>,
    item: Option<&'a Shape>,
}

impl SerializeSeq for Items<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.writer.comma();
        value.serialize(self.writer.slot(self.item))
    }

    fn end(self) -> Result<(), Error> {
        self.writer.out.push(b']');
        Ok(())
    }
}

macro_rules! plain {
    ($($name:ident: $of:ty),+ $(,)?) => {
        $(fn $name(self, value: $of) -> Result<(), Error> {
            self.writer.plain(&value)
        })+
    };
}

fn unknown<T>(what: &str) -> Result<T, Error> {
    Err(Error::custom(format_args!("{what} in an object")))
}

impl<'w, 'a> Serializer for Slot<'w, 'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Items<'w, 'a>;
    type SerializeMap = Fields<'w, 'a>;
    type SerializeStruct = Fields<'w, 'a>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeStructVariant = Impossible<(), Error>;

    plain! {
        serialize_bool: bool, serialize_char: char, serialize_str: &str,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_f32: f32, serialize_f64: f64, serialize_bytes: &[u8],
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.writer.plain(&format_args!("{value}"))
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.writer.plain(&())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.writer.plain(&())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.writer.plain(&())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'w, 'a>, Error> {
        let item = match self.shape {
            Some(Shape::List(item)) => Some(&**item),
            _ => None,
        };
        self.writer.out.push(b'[');
        Ok(Items {
            writer: self.writer,
            item,
        })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields<'w, 'a>, Error> {
        Ok(self.fields())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'w, 'a>, Error> {
        Ok(self.fields())
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Error> {
        unknown("a tuple")
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Error> {
        unknown(name)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
    ) -> Result<(), Error> {
        unknown(name)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        unknown(name)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        unknown(name)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        unknown(name)
    }
}

#[cfg(test)]
mod tests;
