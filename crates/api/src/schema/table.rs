//! The committed form of an arena: a compact table, compressed with zstd.
//!
//! Written by `tools/schema`, read once per process. Strings are stored once and referred to by index;
//! numbers are of protobuf's variable length; order is the arena's.

use crate::protobuf::wire::{put_number, take_number};
use crate::schema::{
    Absent, Field, Form, Inline, ListKind, PatchStrategy, ProtoField, Schemas, Shape, Structure,
    Type, TypeRef,
};
use std::{collections::HashMap, sync::Arc};

/// The table's uncompressed size is refused beyond this.
const LIMIT: usize = 16 << 20;

/// A table that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The compressed form is damaged.
    #[error("cannot decompress the schema table: {0}")]
    Decompress(#[source] std::io::Error),
    /// The content ends early or refers to what is not there.
    #[error("the schema table is damaged")]
    Damaged,
}

/// Writes an arena as a table, uncompressed.
#[must_use]
pub fn encode(schemas: &Schemas) -> Vec<u8> {
    let mut body = Writer::default();
    let types: Vec<_> = schemas.types().map(|(_, of)| of).collect();
    body.number(types.len() as u64);
    for of in types {
        body.write_type(of);
    }
    body.number(schemas.kinds().len() as u64);
    for kind in schemas.kinds() {
        body.text(&kind.group);
        body.text(&kind.version);
        body.text(&kind.kind);
        body.number(u64::from(kind.of.0));
    }
    let mut table = Writer::default();
    table.number(body.strings.len() as u64);
    for string in &body.strings {
        table.number(string.len() as u64);
        table.bytes.extend_from_slice(string.as_bytes());
    }
    table.bytes.extend_from_slice(&body.bytes);
    table.bytes
}

/// Reads a compressed table.
///
/// # Errors
/// When it cannot be decompressed or is damaged.
pub fn decode(compressed: &[u8]) -> Result<Schemas, TableError> {
    let bytes = zstd::bulk::decompress(compressed, LIMIT).map_err(TableError::Decompress)?;
    let mut reader = Reader {
        rest: &bytes,
        strings: Vec::new(),
    };
    reader.arena().ok_or(TableError::Damaged)
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    strings: Vec<String>,
    index: HashMap<String, u64>,
}

impl Writer {
    fn number(&mut self, value: u64) {
        put_number(&mut self.bytes, value);
    }

    fn text(&mut self, value: &str) {
        let next = self.strings.len() as u64;
        let at = *self.index.entry(value.to_owned()).or_insert(next);
        if at == next {
            self.strings.push(value.to_owned());
        }
        self.number(at);
    }

    fn write_type(&mut self, of: &Type) {
        self.text(&of.name);
        self.number(u64::from(of.open) | u64::from(of.structure == Structure::Atomic) << 1);
        self.number(of.fields.len() as u64);
        for field in &of.fields {
            self.write_field(field);
        }
        self.number(of.inline.len() as u64);
        for inline in &of.inline {
            self.number(u64::from(inline.tag));
            self.number(u64::from(inline.of.0));
        }
    }

    fn write_field(&mut self, field: &Field) {
        self.text(&field.name);
        let flags = [
            field.required,
            field.structure == Structure::Atomic,
            field.patch.merge,
            field.patch.merge_key.is_some(),
            field.patch.retain_keys,
            field.patch.replace,
            field.default.is_some(),
            field.proto.is_some(),
            field.omits_zero,
            field.go_type.is_some(),
            field.absent != Absent::Unwritten,
        ];
        self.number(
            flags
                .iter()
                .rev()
                .fold(0, |sum, flag| sum << 1 | u64::from(*flag)),
        );
        self.write_shape(&field.shape);
        match &field.list {
            ListKind::Atomic => self.number(0),
            ListKind::Set => self.number(1),
            ListKind::Map { keys } => {
                self.number(keys.len() as u64 + 1);
                keys.iter().for_each(|key| self.text(key));
            }
        }
        if let Some(key) = &field.patch.merge_key {
            self.text(key);
        }
        if let Some(default) = &field.default {
            self.text(&default.to_string());
        }
        if let Some(of) = &field.go_type {
            self.text(of);
        }
        if let Some(code) = ABSENT.iter().position(|it| *it == field.absent) {
            self.number(code as u64);
        }
        if let Some(proto) = &field.proto {
            self.number(u64::from(proto.tag) << 1 | u64::from(proto.pointer));
            let (form, of) = match proto.form {
                Form::Plain => (0, None),
                Form::Wrapped => (1, None),
                Form::SchemaOrArray(of) => (2, Some(of)),
                Form::SchemaOrBool(of) => (3, Some(of)),
                Form::SchemaOrStrings(of) => (4, Some(of)),
            };
            self.number(form);
            if let Some(of) = of {
                self.number(u64::from(of.0));
            }
        }
    }

    fn write_shape(&mut self, shape: &Shape) {
        let code = PLAIN.iter().position(|plain| plain == shape);
        match (code, shape) {
            (Some(code), _) => self.number(code as u64),
            (None, Shape::Object(of)) => {
                self.number(OBJECT);
                self.number(u64::from(of.0));
            }
            (None, Shape::List(item)) => {
                self.number(LIST);
                self.write_shape(item);
            }
            (None, Shape::Map(value)) => {
                self.number(MAP);
                self.write_shape(value);
            }
            // Invariant: PLAIN lists every other shape (the round-trip test of the built-in table).
            (None, _) => debug_assert!(false, "shape without a code"),
        }
    }
}

const PLAIN: [Shape; 12] = [
    Shape::String,
    Shape::Bytes,
    Shape::Boolean,
    Shape::Int32,
    Shape::Int64,
    Shape::Double,
    Shape::Time,
    Shape::MicroTime,
    Shape::Duration,
    Shape::Quantity,
    Shape::IntOrString,
    Shape::Any,
];
const ABSENT: [Absent; 3] = [Absent::Null, Absent::Nil, Absent::Zero];
const OBJECT: u64 = 12;
const LIST: u64 = 13;
const MAP: u64 = 14;

struct Reader<'a> {
    rest: &'a [u8],
    strings: Vec<Arc<str>>,
}

impl Reader<'_> {
    fn number(&mut self) -> Option<u64> {
        take_number(&mut self.rest)
    }

    fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    fn type_ref(&mut self) -> Option<TypeRef> {
        self.small().map(TypeRef)
    }

    fn text(&mut self) -> Option<Arc<str>> {
        let at = self.small()?;
        self.strings.get(at as usize).cloned()
    }

    fn arena(&mut self) -> Option<Schemas> {
        for _ in 0..self.small()? {
            let length = self.small()? as usize;
            let (string, rest) = self.rest.split_at_checked(length)?;
            self.rest = rest;
            self.strings.push(std::str::from_utf8(string).ok()?.into());
        }
        let mut schemas = Schemas::new();
        for _ in 0..self.small()? {
            let of = self.read_type()?;
            schemas.push(of);
        }
        for _ in 0..self.small()? {
            let (group, version, kind) = (self.text()?, self.text()?, self.text()?);
            schemas.set_kind(&group, &version, &kind, self.type_ref()?);
        }
        Some(schemas)
    }

    fn read_type(&mut self) -> Option<Type> {
        let name = self.text()?;
        let flags = self.number()?;
        let mut fields = (0..self.small()?)
            .map(|_| self.read_field())
            .collect::<Option<Vec<_>>>()?;
        // What a growing list reserves would be kept as long as the process.
        fields.shrink_to_fit();
        let inline = (0..self.small()?)
            .map(|_| {
                Some(Inline {
                    tag: self.small()?,
                    of: self.type_ref()?,
                })
            })
            .collect::<Option<_>>()?;
        let structure = structure(flags & 2 != 0);
        Some(Type {
            name,
            fields,
            structure,
            open: flags & 1 != 0,
            inline,
        })
    }

    fn read_field(&mut self) -> Option<Field> {
        let name = self.text()?;
        let flags = self.number()?;
        let flag = |at: u32| flags >> at & 1 != 0;
        let shape = self.read_shape()?;
        let list = match self.small()? {
            0 => ListKind::Atomic,
            1 => ListKind::Set,
            more => ListKind::Map {
                keys: (1..more).map(|_| self.text()).collect::<Option<_>>()?,
            },
        };
        let merge_key = if flag(3) { Some(self.text()?) } else { None };
        let default = match flag(6) {
            true => Some(Box::new(serde_json::from_str(&self.text()?).ok()?)),
            false => None,
        };
        let go_type = if flag(9) { Some(self.text()?) } else { None };
        let absent = match flag(10) {
            true => *ABSENT.get(self.small()? as usize)?,
            false => Absent::Unwritten,
        };
        let proto = if flag(7) {
            Some(self.read_proto()?)
        } else {
            None
        };
        Some(Field {
            name,
            required: flag(0),
            shape,
            list,
            structure: structure(flag(1)),
            patch: PatchStrategy {
                merge: flag(2),
                merge_key,
                retain_keys: flag(4),
                replace: flag(5),
            },
            default,
            omits_zero: flag(8),
            absent,
            go_type,
            proto,
        })
    }

    fn read_proto(&mut self) -> Option<ProtoField> {
        let tag = self.small()?;
        let form = match self.number()? {
            0 => Form::Plain,
            1 => Form::Wrapped,
            2 => Form::SchemaOrArray(self.type_ref()?),
            3 => Form::SchemaOrBool(self.type_ref()?),
            4 => Form::SchemaOrStrings(self.type_ref()?),
            _ => return None,
        };
        Some(ProtoField {
            tag: tag >> 1,
            pointer: tag & 1 != 0,
            form,
        })
    }

    fn read_shape(&mut self) -> Option<Shape> {
        Some(match self.number()? {
            OBJECT => Shape::Object(self.type_ref()?),
            LIST => Shape::List(Box::new(self.read_shape()?)),
            MAP => Shape::Map(Box::new(self.read_shape()?)),
            plain => PLAIN.get(usize::try_from(plain).ok()?)?.clone(),
        })
    }
}

fn structure(atomic: bool) -> Structure {
    if atomic {
        Structure::Atomic
    } else {
        Structure::Granular
    }
}

/// FNV-1a: tells whether a table is the one that its sources say. Not a defence against anybody.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
