//! How a value of the wrong type is told of: in the words of `encoding/json`, or in those of
//! `runtime.DefaultUnstructuredConverter`.

use super::{Found, LITERAL, Seed, Words, values};
use crate::schema::{Shape, Type};

impl Seed<'_, '_> {
    pub(super) fn go_type(&self) -> String {
        match self.named {
            Some(named) => named.to_owned(),
            None => self.plain_type(),
        }
    }

    /// What the type is made of.
    fn plain_type(&self) -> String {
        let of = |shape| {
            let plain = Seed { shape, ..*self };
            plain.plain_type()
        };
        match self.shape {
            Shape::String => "string".into(),
            Shape::Bytes => "[]uint8".into(),
            Shape::Boolean => "bool".into(),
            Shape::Int32 => "int32".into(),
            Shape::Int64 => "int64".into(),
            Shape::Double => "float64".into(),
            Shape::Time => "v1.Time".into(),
            Shape::MicroTime => "v1.MicroTime".into(),
            Shape::Duration => "v1.Duration".into(),
            Shape::Quantity => "resource.Quantity".into(),
            Shape::IntOrString => "intstr.IntOrString".into(),
            Shape::Any => "interface {}".into(),
            Shape::Object(of) => go_name(self.walk.schemas.get(*of)),
            Shape::List(item) => format!("[]{}", of(item)),
            Shape::Map(value) => format!("map[string]{}", of(value)),
        }
    }

    /// Records a value of the wrong type, as Go words it, and stops the walk.
    pub(super) fn refuse<E: serde::de::Error>(&self, found: Found) -> E {
        let message = match self.walk.words {
            _ if matches!(self.shape, Shape::Quantity) => values::NO_QUANTITY.to_owned(),
            Words::Json => self.json_message(found),
            Words::Tree => self.tree_message(found),
        };
        self.stop(message)
    }

    pub(super) fn stop<E: serde::de::Error>(&self, message: String) -> E {
        let error = E::custom(&message);
        *self.walk.wrong.borrow_mut() = Some(message);
        error
    }

    fn json_message(&self, found: Found) -> String {
        let integral = matches!(self.shape, Shape::Int32 | Shape::Int64 | Shape::IntOrString);
        let found = match found {
            Found::Bool => "bool".to_owned(),
            Found::Integer(number) if integral => format!("number {number}"),
            Found::Float if integral => format!("number {LITERAL}"),
            Found::Integer(_) | Found::Float => "number".to_owned(),
            Found::String => "string".to_owned(),
            Found::Array => "array".to_owned(),
            Found::Object => "object".to_owned(),
        };
        // These types read their JSON themselves, into something plain.
        let go_type = match self.shape {
            Shape::Time | Shape::MicroTime | Shape::Duration => "string".to_owned(),
            Shape::IntOrString => "int32".to_owned(),
            _ => self.go_type(),
        };
        if self.root {
            return format!("json: cannot unmarshal {found} into Go value of type {go_type}");
        }
        let path = self.field_path();
        let owner = self.owner;
        format!(
            "json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {go_type}"
        )
    }

    fn tree_message(&self, found: Found) -> String {
        let kind = match found {
            Found::Bool => "bool",
            Found::Integer(_) => "int64",
            Found::Float => "float64",
            Found::String => "string",
            Found::Array => "slice",
            Found::Object => "map",
        };
        match (self.shape, found) {
            (Shape::Object(_), _) => format!("cannot restore struct from: {kind}"),
            (Shape::Map(_), _) => format!("cannot restore map from {kind}"),
            (Shape::List(_) | Shape::Bytes, _) => format!("cannot restore slice from {kind}"),
            (Shape::String, Found::Integer(_))
            | (Shape::Int32 | Shape::Int64, Found::Integer(_) | Found::Float) => {
                format!("cannot convert {kind} to {}", self.go_type())
            }
            (Shape::Time | Shape::MicroTime | Shape::Duration | Shape::IntOrString, _) => {
                let alone = Seed {
                    root: true,
                    ..*self
                };
                alone.json_message(found)
            }
            _ => format!("unrecognized type: {}", self.plain_type()),
        }
    }

    /// The path as Go tells it: the names of fields, without places in lists and keys of maps.
    fn field_path(&self) -> String {
        let (path, keys) = (self.walk.path.borrow(), self.walk.keys.borrow());
        let (mut names, mut at) = (String::new(), 0);
        for key in keys.iter() {
            names.push_str(&path[at..key.start]);
            at = key.end;
        }
        names.push_str(&path[at..]);
        let mut plain = String::new();
        for (index, part) in names.split('[').enumerate() {
            plain.push_str(match index {
                0 => part,
                _ => part.split_once(']').map_or("", |(_, rest)| rest),
            });
        }
        plain
    }
}

/// `v1.PodSpec` of `io.k8s.api.core.v1.PodSpec`.
fn go_name(of: &Type) -> String {
    let mut words = of.name.rsplit('.');
    let (name, package) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    format!("{package}.{name}")
}
