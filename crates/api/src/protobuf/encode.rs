//! JSON to protobuf, byte for byte as Go writes it: fields by number, maps by key, and every field that is
//! not a pointer even when it is zero.

use super::{
    DEPTH_LIMIT, ProtobufError,
    wire::{put_bytes, put_double, put_varint},
};
use crate::schema::{Field, Form, Schemas, Shape, TypeRef};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

type Object = Map<String, Value>;

enum Part<'a> {
    Field(&'a Field),
    Inline(TypeRef),
}

fn wrong(of: &str, value: &Value) -> ProtobufError {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number that does not fit",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    ProtobufError::Json {
        of: of.to_owned(),
        why: format!("unexpected {found}"),
    }
}

pub(super) fn message(
    schemas: &Schemas,
    of: TypeRef,
    object: &Object,
    out: &mut Vec<u8>,
    depth: u32,
) -> Result<(), ProtobufError> {
    let kind = schemas.get(of);
    if depth > DEPTH_LIMIT {
        return Err(ProtobufError::Json {
            of: kind.name.to_string(),
            why: "nested too deeply".into(),
        });
    }
    let mut parts: Vec<(u32, Part<'_>)> = kind
        .fields
        .iter()
        .filter_map(|field| Some((field.proto?.tag, Part::Field(field))))
        .collect();
    parts.extend(
        kind.inline
            .iter()
            .map(|inline| (inline.tag, Part::Inline(inline.of))),
    );
    parts.sort_by_key(|(tag, _)| *tag);
    for (tag, part) in parts {
        match part {
            Part::Inline(of) => {
                let mut inner = Vec::new();
                message(schemas, of, object, &mut inner, depth + 1)?;
                put_bytes(out, tag, &inner);
            }
            Part::Field(field) => {
                let present = object.get(&*field.name).filter(|value| !value.is_null());
                match present {
                    Some(present) => put_field(schemas, field, tag, present, out, depth)?,
                    None => put_zero(schemas, field, tag, out, depth)?,
                }
            }
        }
    }
    Ok(())
}

fn put_field(
    schemas: &Schemas,
    field: &Field,
    tag: u32,
    present: &Value,
    out: &mut Vec<u8>,
    depth: u32,
) -> Result<(), ProtobufError> {
    match (
        &field.shape,
        field.proto.map(|p| p.form).unwrap_or_default(),
    ) {
        (Shape::List(item), Form::Plain) => {
            for each in present
                .as_array()
                .ok_or_else(|| wrong(&field.name, present))?
            {
                put(schemas, item, &field.name, tag, each, out, depth)?;
            }
        }
        (Shape::Map(of), Form::Plain) => {
            let map = present
                .as_object()
                .ok_or_else(|| wrong(&field.name, present))?;
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            for key in keys {
                let mut entry = Vec::new();
                put_bytes(&mut entry, 1, key.as_bytes());
                put(schemas, of, key, 2, &map[key], &mut entry, depth)?;
                put_bytes(out, tag, &entry);
            }
        }
        (shape, Form::Plain | Form::Wrapped) => {
            put(schemas, shape, &field.name, tag, present, out, depth)?
        }
        (_, form) => {
            let mut inner = Vec::new();
            union(schemas, form, present, &mut inner, depth)?;
            put_bytes(out, tag, &inner);
        }
    }
    Ok(())
}

fn put_zero(
    schemas: &Schemas,
    field: &Field,
    tag: u32,
    out: &mut Vec<u8>,
    depth: u32,
) -> Result<(), ProtobufError> {
    if field.proto.is_none_or(|proto| proto.pointer) {
        return Ok(());
    }
    match &field.shape {
        Shape::String => put_bytes(out, tag, b""),
        Shape::Boolean | Shape::Int32 | Shape::Int64 => put_varint(out, tag, 0),
        Shape::Double => put_double(out, tag, 0.0),
        Shape::Time | Shape::MicroTime | Shape::Any | Shape::Duration => put_bytes(out, tag, b""),
        Shape::Quantity => put(
            schemas,
            &Shape::Quantity,
            "",
            tag,
            &Value::from("0"),
            out,
            depth,
        )?,
        Shape::IntOrString => put(
            schemas,
            &Shape::IntOrString,
            "",
            tag,
            &Value::from(0),
            out,
            depth,
        )?,
        Shape::Object(of) => {
            let mut inner = Vec::new();
            message(schemas, *of, &Object::new(), &mut inner, depth + 1)?;
            put_bytes(out, tag, &inner);
        }
        Shape::Bytes | Shape::List(_) | Shape::Map(_) => {}
    }
    Ok(())
}

/// Writes one value: a scalar under its own wire kind, anything else as a nested message.
fn put(
    schemas: &Schemas,
    shape: &Shape,
    name: &str,
    tag: u32,
    value: &Value,
    out: &mut Vec<u8>,
    depth: u32,
) -> Result<(), ProtobufError> {
    let bad = || wrong(name, value);
    match shape {
        Shape::String => put_bytes(out, tag, value.as_str().ok_or_else(bad)?.as_bytes()),
        Shape::Bytes => {
            let text = value.as_str().ok_or_else(bad)?;
            put_bytes(out, tag, &STANDARD.decode(text).map_err(|_| bad())?);
        }
        Shape::Boolean => put_varint(out, tag, u64::from(value.as_bool().ok_or_else(bad)?)),
        Shape::Int32 => put_varint(out, tag, i64::from(int32(value).ok_or_else(bad)?) as u64),
        Shape::Int64 => put_varint(out, tag, value.as_i64().ok_or_else(bad)? as u64),
        Shape::Double => put_double(out, tag, value.as_f64().ok_or_else(bad)?),
        Shape::Object(of) => {
            let (empty, mut inner) = (Object::new(), Vec::new());
            let object = match value {
                Value::Null => &empty,
                _ => value.as_object().ok_or_else(bad)?,
            };
            message(schemas, *of, object, &mut inner, depth + 1)?;
            put_bytes(out, tag, &inner);
        }
        Shape::List(item) => {
            let mut inner = Vec::new();
            for each in value.as_array().ok_or_else(bad)? {
                put(schemas, item, name, 1, each, &mut inner, depth + 1)?;
            }
            put_bytes(out, tag, &inner);
        }
        shape => put_bytes(out, tag, &special(shape, value).ok_or_else(bad)?),
    }
    Ok(())
}

fn int32(value: &Value) -> Option<i32> {
    i32::try_from(value.as_i64()?).ok()
}

/// The messages that JSON shows as one value; `None` when the value is none of theirs.
fn special(shape: &Shape, value: &Value) -> Option<Vec<u8>> {
    let mut inner = Vec::new();
    match (shape, value) {
        (Shape::Time | Shape::MicroTime, Value::Null) => {}
        (Shape::Time | Shape::MicroTime, Value::String(text)) => {
            let at: jiff::Timestamp = text.parse().ok()?;
            let nanos = at.as_nanosecond();
            // Go counts nanoseconds forward from the second, also before 1970.
            let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
            let micros = u64::try_from(nanos.rem_euclid(1_000_000_000) / 1000).ok()?;
            put_varint(&mut inner, 1, seconds as u64);
            put_varint(
                &mut inner,
                2,
                if *shape == Shape::Time {
                    0
                } else {
                    micros * 1000
                },
            );
        }
        (Shape::Quantity, Value::String(text)) => put_bytes(&mut inner, 1, text.as_bytes()),
        (Shape::Quantity, Value::Number(number)) => {
            put_bytes(&mut inner, 1, number.to_string().as_bytes())
        }
        (Shape::IntOrString, Value::String(_) | Value::Number(_)) => {
            let number = if value.is_string() { 0 } else { int32(value)? };
            put_varint(&mut inner, 1, u64::from(value.is_string()));
            put_varint(&mut inner, 2, i64::from(number) as u64);
            put_bytes(&mut inner, 3, value.as_str().unwrap_or("").as_bytes());
        }
        (Shape::Any, _) => put_bytes(&mut inner, 1, value.to_string().as_bytes()),
        _ => return None,
    }
    Some(inner)
}

fn union(
    schemas: &Schemas,
    form: Form,
    value: &Value,
    out: &mut Vec<u8>,
    depth: u32,
) -> Result<(), ProtobufError> {
    let schema_tag = if matches!(form, Form::SchemaOrBool(_)) {
        2
    } else {
        1
    };
    match (form, value) {
        (Form::SchemaOrBool(_), Value::Bool(allows)) => put_varint(out, 1, u64::from(*allows)),
        (Form::SchemaOrArray(of), Value::Array(list)) => {
            for each in list {
                put(schemas, &Shape::Object(of), "items", 2, each, out, depth)?;
            }
        }
        (Form::SchemaOrStrings(_), Value::Array(list)) => {
            for each in list {
                put(schemas, &Shape::String, "dependencies", 2, each, out, depth)?;
            }
        }
        (
            Form::SchemaOrBool(of) | Form::SchemaOrArray(of) | Form::SchemaOrStrings(of),
            Value::Object(_),
        ) => {
            if schema_tag == 2 {
                put_varint(out, 1, 1);
            }
            put(
                schemas,
                &Shape::Object(of),
                "schema",
                schema_tag,
                value,
                out,
                depth,
            )?;
        }
        _ => return Err(wrong("a schema", value)),
    }
    Ok(())
}
