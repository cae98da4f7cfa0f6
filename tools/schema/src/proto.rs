//! Reads the messages of a `.proto` file: names, numbers and types of fields. Not a parser of the whole
//! language; OpenAPI's published files use one field per line and no nested messages.

use api::schema::{Field, ProtoField, Schemas, Shape, Type};
use std::collections::HashMap;

/// The messages of a file as an arena of types. Nothing is written that is not there, so every field
/// counts as a pointer.
pub fn read(text: &str) -> Schemas {
    let mut schemas = Schemas::new();
    let mut places = HashMap::new();
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("message "));
    for name in names.map(|rest| rest.trim_end_matches(['{', ' '])) {
        let of = Type {
            name: name.into(),
            ..Type::default()
        };
        places.insert(name.to_owned(), schemas.push(of));
    }
    let mut open: Option<Type> = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("message ") {
            open = Some(Type {
                name: name.trim_end_matches(['{', ' ']).into(),
                ..Type::default()
            });
        } else if line == "}" {
            if let Some(of) = open.take() {
                let at = places[&*of.name];
                schemas.replace(at, of);
            }
        } else if let (Some(of), Some((declared, number))) = (&mut open, line.split_once('=')) {
            let number = number.trim().trim_end_matches(';').parse().ok();
            let words: Vec<&str> = declared.split_whitespace().collect();
            let (name, kind, repeated) = match words.as_slice() {
                ["repeated", kind, name] => (name, kind, true),
                [kind, name] => (name, kind, false),
                _ => continue,
            };
            let shape = match *kind {
                "string" => Shape::String,
                "bool" => Shape::Boolean,
                "int64" => Shape::Int64,
                "double" => Shape::Double,
                kind => match places.get(kind) {
                    Some(at) => Shape::Object(*at),
                    None => continue,
                },
            };
            let mut field = Field::new(
                name,
                if repeated {
                    Shape::List(Box::new(shape))
                } else {
                    shape
                },
            );
            field.proto = number.map(|tag| ProtoField {
                tag,
                pointer: true,
                form: api::schema::Form::Plain,
            });
            of.fields.push(field);
        }
    }
    schemas
}
