//! Protobuf to JSON. `None` means malformed: the caller names the kind.
//!
//! Go writes every field that is not a pointer, zero or not, and JSON leaves such zeros out unless the
//! field is required; so zeros are read as Go would print them.

use super::{
    DEPTH_LIMIT, MAGIC,
    wire::{Message, Payload},
};
use crate::schema::{Field, Form, Schemas, Shape, TypeRef};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// `depth` is how deep in JSON the object stands, the outermost at 1; further down, how deep what holds the
/// value stands.
pub(super) fn message(schemas: &Schemas, of: TypeRef, bytes: &[u8], depth: u32) -> Option<Object> {
    let mut object = Object::new();
    fill(schemas, of, bytes, depth, &mut object)?;
    Some(object)
}

fn fill(
    schemas: &Schemas,
    of: TypeRef,
    bytes: &[u8],
    depth: u32,
    object: &mut Object,
) -> Option<()> {
    if depth > DEPTH_LIMIT {
        return None;
    }
    let kind = schemas.get(of);
    let mut message = Message(bytes);
    while let Some((tag, payload)) = message.next()? {
        if let Some(inline) = kind.inline.iter().find(|inline| inline.tag == tag) {
            fill(schemas, inline.of, payload.bytes()?, depth, object)?;
        } else if let Some(field) = kind
            .fields
            .iter()
            .find(|f| f.proto.is_some_and(|p| p.tag == tag))
        {
            add(schemas, field, payload, depth, object)?;
        }
    }
    for field in &kind.fields {
        let owed = field.required && field.proto.is_some_and(|proto| !proto.pointer);
        if owed && !object.contains_key(&*field.name) {
            let zero = match field.shape {
                Shape::String => Value::from(""),
                Shape::Boolean => Value::from(false),
                Shape::Int32 | Shape::Int64 => Value::from(0),
                _ => continue,
            };
            object.insert(field.name.to_string(), zero);
        }
    }
    Some(())
}

fn add(
    schemas: &Schemas,
    field: &Field,
    payload: Payload<'_>,
    depth: u32,
    object: &mut Object,
) -> Option<()> {
    let proto = field.proto?;
    match (&field.shape, proto.form) {
        (Shape::List(item), Form::Plain) => {
            let list = object
                .entry(&*field.name)
                .or_insert_with(|| Value::Array(Vec::new()))
                .as_array_mut()?;
            match (&**item, payload) {
                (Shape::Int32 | Shape::Int64, Payload::Bytes(packed)) => {
                    let mut packed = Message(packed);
                    while !packed.0.is_empty() {
                        list.push(value(
                            schemas,
                            item,
                            Payload::Varint(packed.varint()?),
                            depth + 1,
                        )?);
                    }
                }
                _ => list.push(value(schemas, item, payload, depth + 1)?),
            }
        }
        (Shape::Map(of), Form::Plain) => {
            let (key, item) = entry(schemas, of, payload.bytes()?, depth + 1)?;
            let map = object
                .entry(&*field.name)
                .or_insert_with(|| Value::Object(Object::new()));
            map.as_object_mut()?.insert(key, item);
        }
        (shape, form) => {
            let item = match form {
                Form::Plain => value(schemas, shape, payload, depth)?,
                Form::Wrapped => wrapped(schemas, shape, payload.bytes()?, depth)?,
                Form::SchemaOrArray(of) | Form::SchemaOrBool(of) | Form::SchemaOrStrings(of) => {
                    union(schemas, form, of, payload.bytes()?, depth)?
                }
            };
            let absent =
                item.is_null() || (!proto.pointer && !field.required && is_zero(shape, &item));
            if !absent {
                object.insert(field.name.to_string(), item);
            }
        }
    }
    Some(())
}

fn is_zero(shape: &Shape, item: &Value) -> bool {
    match (shape, item) {
        // Go prints a quantity of zero too: it is a struct.
        (Shape::Any | Shape::Quantity | Shape::Bytes, _) => false,
        (Shape::IntOrString, _) => *item == 0,
        (_, Value::Null) => true,
        (_, Value::Bool(flag)) => !flag,
        (_, Value::Number(number)) => number.as_f64() == Some(0.0),
        (_, Value::String(text)) => text.is_empty(),
        (_, Value::Array(items)) => items.is_empty(),
        (_, Value::Object(fields)) => fields.is_empty(),
    }
}

fn entry(schemas: &Schemas, of: &Shape, bytes: &[u8], depth: u32) -> Option<(String, Value)> {
    let (mut key, mut item) = (String::new(), None);
    let mut message = Message(bytes);
    while let Some((tag, payload)) = message.next()? {
        match tag {
            1 => key = text(payload)?,
            2 => item = Some(value(schemas, of, payload, depth)?),
            _ => {}
        }
    }
    let item = match item {
        Some(item) => item,
        None => match of {
            Shape::String | Shape::Bytes => "".into(),
            Shape::Object(_) => Value::Object(Object::new()),
            _ => Value::Null,
        },
    };
    Some((key, item))
}

fn value(schemas: &Schemas, shape: &Shape, payload: Payload<'_>, depth: u32) -> Option<Value> {
    Some(match shape {
        Shape::String => text(payload)?.into(),
        Shape::Bytes => STANDARD.encode(payload.bytes()?).into(),
        Shape::Boolean => (payload.varint()? != 0).into(),
        Shape::Int32 => (payload.varint()? as i32).into(),
        Shape::Int64 => (payload.varint()? as i64).into(),
        Shape::Double => match payload {
            Payload::Fixed64(bits) => number(f64::from_bits(bits)),
            Payload::Fixed32(bits) => number(f64::from(f32::from_bits(bits))),
            _ => return None,
        },
        Shape::Time | Shape::MicroTime => moment(shape, payload.bytes()?)?,
        Shape::Duration => return None,
        Shape::Quantity => first(payload.bytes()?)?
            .map_or_else(|| Some("0".to_owned()), text)
            .map(Value::from)?,
        Shape::IntOrString => int_or_string(payload.bytes()?)?,
        Shape::Object(of) => Value::Object(message(schemas, *of, payload.bytes()?, depth + 1)?),
        // A list or a map inside another is a message with the list as its first field.
        Shape::List(_) => wrapped(schemas, shape, payload.bytes()?, depth)?,
        Shape::Map(_) => return None,
        Shape::Any => raw(payload.bytes()?, depth)?,
    })
}

/// Go prints whole numbers without a fraction.
fn number(value: f64) -> Value {
    const EXACT: f64 = (1i64 << 53) as f64;
    if value.fract() == 0.0 && value.abs() < EXACT {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

fn text(payload: Payload<'_>) -> Option<String> {
    String::from_utf8(payload.bytes()?.to_vec()).ok()
}

/// The first field of a message that is a wrapper around one value.
fn first(bytes: &[u8]) -> Option<Option<Payload<'_>>> {
    let mut message = Message(bytes);
    while let Some((tag, payload)) = message.next()? {
        if tag == 1 {
            return Some(Some(payload));
        }
    }
    Some(None)
}

fn wrapped(schemas: &Schemas, shape: &Shape, bytes: &[u8], depth: u32) -> Option<Value> {
    let Shape::List(item) = shape else {
        return None;
    };
    let (mut list, mut message) = (Vec::new(), Message(bytes));
    while let Some((tag, payload)) = message.next()? {
        if tag == 1 {
            list.push(value(schemas, item, payload, depth + 1)?);
        }
    }
    Some(Value::Array(list))
}

fn union(schemas: &Schemas, form: Form, of: TypeRef, bytes: &[u8], depth: u32) -> Option<Value> {
    let (mut allows, mut schema, mut list) = (false, None, Vec::new());
    let mut parts = Message(bytes);
    while let Some((tag, payload)) = parts.next()? {
        match (form, tag) {
            (Form::SchemaOrBool(_), 1) => allows = payload.varint()? != 0,
            (Form::SchemaOrBool(_), 2) | (_, 1) => {
                schema = Some(Value::Object(message(
                    schemas,
                    of,
                    payload.bytes()?,
                    depth + 1,
                )?));
            }
            (Form::SchemaOrArray(_), 2) => {
                list.push(Value::Object(message(
                    schemas,
                    of,
                    payload.bytes()?,
                    depth + 1,
                )?));
            }
            (Form::SchemaOrStrings(_), 2) => list.push(text(payload)?.into()),
            _ => {}
        }
    }
    Some(match (schema, form) {
        (Some(schema), _) => schema,
        (None, Form::SchemaOrBool(_)) => allows.into(),
        (None, _) if list.is_empty() => Value::Null,
        (None, _) => Value::Array(list),
    })
}

/// Years that RFC 3339 can name; others are malformed.
fn moment(shape: &Shape, bytes: &[u8]) -> Option<Value> {
    let (mut seconds, mut nanos) = (0i64, 0i32);
    let mut message = Message(bytes);
    while let Some((tag, payload)) = message.next()? {
        match tag {
            1 => seconds = payload.varint()? as i64,
            2 => nanos = payload.varint()? as i32,
            _ => {}
        }
    }
    // Go's zero time is an empty message.
    if bytes.is_empty() {
        return Some(Value::Null);
    }
    let format = if *shape == Shape::Time {
        "%Y-%m-%dT%H:%M:%SZ"
    } else {
        "%Y-%m-%dT%H:%M:%S%.6fZ"
    };
    let nanos = if *shape == Shape::Time { 0 } else { nanos };
    let at = jiff::Timestamp::new(seconds, nanos).ok()?;
    Some(at.strftime(format).to_string().into())
}

fn int_or_string(bytes: &[u8]) -> Option<Value> {
    let (mut kind, mut int, mut string) = (0, 0i32, String::new());
    let mut message = Message(bytes);
    while let Some((tag, payload)) = message.next()? {
        match tag {
            1 => kind = payload.varint()?,
            2 => int = payload.varint()? as i32,
            3 => string = text(payload)?,
            _ => {}
        }
    }
    Some(if kind == 0 { int.into() } else { string.into() })
}

/// Raw JSON, or an enveloped message of its own (clients nest those in lists).
fn raw(bytes: &[u8], depth: u32) -> Option<Value> {
    let Some(payload) = first(bytes)? else {
        return Some(Value::Null);
    };
    let bytes = payload.bytes()?;
    if bytes.is_empty() {
        return Some(Value::Null);
    }
    if !bytes.starts_with(MAGIC) {
        return serde_json::from_slice(bytes).ok();
    }
    let unknown = super::open(bytes).ok()?;
    let schemas = crate::schema::builtin();
    let of = schemas.api_kind(&unknown.api_version, &unknown.kind)?;
    let mut object = message(schemas, of, unknown.raw, depth + 1)?;
    object.insert("apiVersion".into(), unknown.api_version.into());
    object.insert("kind".into(), unknown.kind.into());
    Some(Value::Object(object))
}

impl<'a> Payload<'a> {
    fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Payload::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn varint(self) -> Option<u64> {
        match self {
            Payload::Varint(number) => Some(number),
            _ => None,
        }
    }
}
