//! OpenAPI documents as protobuf, in the messages of `gnostic` that clients in Go read.
//!
//! Driven by a table made from the published `.proto` files: JSON's keys become fields, maps become lists
//! of named values, and what may be one of several things gets the message around it that says which.
//! Upstream: `github.com/google/gnostic-models`.

use crate::{
    protobuf::wire::{put_bytes, put_double, put_varint},
    schema::{Field, Schemas, Shape, Type, TypeRef, table},
};
use serde_json::Value;

/// The messages of one version.
pub struct Encoder(Schemas);

impl Encoder {
    /// Version 2, `application/com.github.proto-openapi.spec.v2@v1.0+protobuf`.
    #[must_use]
    pub fn v2() -> Self {
        Self::read(include_bytes!("openapi_v2.zst"))
    }

    /// Version 3, `application/com.github.proto-openapi.spec.v3@v1.0+protobuf`.
    #[must_use]
    pub fn v3() -> Self {
        Self::read(include_bytes!("openapi_v3.zst"))
    }

    fn read(messages: &[u8]) -> Self {
        // Invariant: the committed tables decode; tests of this module prove it for every build.
        Self(table::decode(messages).unwrap_or_default())
    }

    /// The fields of `value`, which stands at `path` in the document. Fields that repeat may be encoded
    /// some at a time.
    #[must_use]
    pub fn part(&self, path: &[&str], value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some((of, _)) = self.at(path) {
            message(&self.0, of, value, &mut out);
        }
        out
    }

    /// The message at `path`, made of its parts, with the messages around it.
    #[must_use]
    pub fn whole(&self, path: &[&str], parts: Vec<u8>) -> Vec<u8> {
        let tags = self.at(path).map(|(_, tags)| tags).unwrap_or_default();
        tags.iter().rev().fold(parts, |inner, tag| {
            let mut outer = Vec::with_capacity(inner.len() + 8);
            put_bytes(&mut outer, *tag, &inner);
            outer
        })
    }

    /// The message at a path, and the numbers of the fields that lead there.
    fn at(&self, path: &[&str]) -> Option<(TypeRef, Vec<u32>)> {
        let (mut of, mut tags) = (self.0.named("Document")?, Vec::new());
        for step in path {
            let fields = &self.0.get(of).fields;
            let field = fields.iter().find(|field| key(&field.name) == *step)?;
            tags.push(field.proto?.tag);
            of = field.shape.object()?;
        }
        Some((of, tags))
    }
}

fn message(schemas: &Schemas, of: TypeRef, value: &Value, out: &mut Vec<u8>) {
    let kind = schemas.get(of);
    if &*kind.name == "Any" {
        // JSON is YAML.
        if let Some((tag, _)) = field(kind, "yaml") {
            put_bytes(out, tag, value.to_string().as_bytes());
        }
        return;
    }
    if let Some(chosen) = alternative(kind, value) {
        if let Some((tag, chosen)) = field(kind, &chosen) {
            put(schemas, &chosen.shape, tag, value, out);
        }
        return;
    }
    let mut fields: Vec<&Field> = kind.fields.iter().collect();
    fields.sort_by_key(|field| field.proto.map(|proto| proto.tag));
    for field in fields {
        let tag = field.proto.map(|proto| proto.tag).unwrap_or_default();
        match named(schemas, field) {
            Some(entry) => put_named(schemas, field, entry, tag, value, out),
            None => {
                if let Some(value) = value.get(key(&field.name)) {
                    put(schemas, &field.shape, tag, value, out);
                }
            }
        }
    }
}

fn field<'t>(kind: &'t Type, name: &str) -> Option<(u32, &'t Field)> {
    let field = kind.field(name)?;
    Some((field.proto?.tag, field))
}

/// The field that a value belongs to, of a message that stands for one of several things.
fn alternative(kind: &Type, value: &Value) -> Option<String> {
    let refers = value.get("$ref").is_some();
    let place = value.get("in").and_then(Value::as_str);
    let chosen = match &*kind.name {
        "ParametersItem" if refers => "json_reference",
        "ParametersItem" => "parameter",
        "Parameter" if kind.field("body_parameter").is_some() => match place {
            Some("body") => "body_parameter",
            _ => "non_body_parameter",
        },
        "NonBodyParameter" => {
            return Some(format!("{}_parameter_sub_schema", place.unwrap_or("query")));
        }
        "ResponseValue" if refers => "json_reference",
        "ResponseValue" => "response",
        "SchemaItem" => "schema",
        "SecurityDefinitionsItem" => "api_key_security",
        "ItemsItem" if kind.field("schema").is_some() => "schema",
        "ItemsItem" => "schema_or_reference",
        "AdditionalPropertiesItem" if value.is_boolean() => "boolean",
        "AdditionalPropertiesItem" if kind.field("schema").is_some() => "schema",
        "AdditionalPropertiesItem" => "schema_or_reference",
        "TypeItem" | "StringArray" => "value",
        "DefaultType" => match value {
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            _ => "string",
        },
        name if name.ends_with("OrReference") && !name.starts_with("Named") => {
            if refers {
                "reference"
            } else {
                let other = kind
                    .fields
                    .iter()
                    .find(|field| &*field.name != "reference")?;
                return Some(other.name.to_string());
            }
        }
        _ => return None,
    };
    Some(chosen.to_owned())
}

/// The entry of a field that is a map: a list of messages of a name and a value.
fn named(schemas: &Schemas, field: &Field) -> Option<TypeRef> {
    let Shape::List(item) = &field.shape else {
        return None;
    };
    let of = item.object()?;
    schemas.get(of).name.starts_with("Named").then_some(of)
}

fn put_named(
    schemas: &Schemas,
    field: &Field,
    entry: TypeRef,
    tag: u32,
    value: &Value,
    out: &mut Vec<u8>,
) {
    let extension = ["vendor_extension", "specification_extension"].contains(&&*field.name);
    let kind = schemas.get(entry);
    for (name, value) in value.as_object().into_iter().flatten() {
        // What is a map of anything has no extensions, and takes every name.
        let takes = &*field.name == "additional_properties" || name.starts_with("x-") == extension;
        if !takes {
            continue;
        }
        let mut inner = Vec::new();
        if let (Some((name_tag, _)), Some((value_tag, of))) =
            (self::field(kind, "name"), self::field(kind, "value"))
        {
            put_bytes(&mut inner, name_tag, name.as_bytes());
            put(schemas, &of.shape, value_tag, value, &mut inner);
        }
        put_bytes(out, tag, &inner);
    }
}

fn put(schemas: &Schemas, shape: &Shape, tag: u32, value: &Value, out: &mut Vec<u8>) {
    match (shape, value) {
        (Shape::List(item), Value::Array(items)) => {
            for each in items {
                put(schemas, item, tag, each, out);
            }
        }
        (Shape::List(item), one) => put(schemas, item, tag, one, out),
        (Shape::Object(of), value) => {
            let mut inner = Vec::new();
            message(schemas, *of, value, &mut inner);
            put_bytes(out, tag, &inner);
        }
        (Shape::String, Value::String(text)) => put_bytes(out, tag, text.as_bytes()),
        (Shape::Boolean, Value::Bool(flag)) => put_varint(out, tag, u64::from(*flag)),
        (Shape::Int64, value) => {
            if let Some(number) = value.as_i64() {
                put_varint(out, tag, number as u64);
            }
        }
        (Shape::Double, value) => {
            if let Some(number) = value.as_f64() {
                put_double(out, tag, number);
            }
        }
        // Version 3 has no message for a default that is an object.
        _ => {}
    }
}

/// The JSON key of a field: `$ref` of `_ref`, `allOf` of `all_of`.
fn key(name: &str) -> String {
    if name == "_ref" {
        return "$ref".to_owned();
    }
    let mut words = name.split('_');
    let mut key = words.next().unwrap_or_default().to_owned();
    for word in words {
        key.push_str(&word[..1].to_uppercase());
        key.push_str(&word[1..]);
    }
    key
}

#[cfg(test)]
mod tests;
