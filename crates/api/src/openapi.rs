//! The schema parts of the OpenAPI documents: `components` of version 3, `definitions` of version 2.
//!
//! Made anew on every call from the schema table and the descriptions, one type after the other, so that
//! the whole never stands in memory; the caller adds the paths. Upstream: `k8s.io/kube-openapi`.

pub mod gnostic;

use crate::schema::{
    Field, ListKind, Shape, Structure, Type, TypeRef, builtin, descriptions::Descriptions,
};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

/// The two forms of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `/openapi/v2`.
    V2,
    /// `/openapi/v3`.
    V3,
}

impl Dialect {
    /// Where a type of this name is, as a reference.
    #[must_use]
    pub fn reference(self, name: &str) -> Value {
        let place = match self {
            Self::V2 => "#/definitions/",
            Self::V3 => "#/components/schemas/",
        };
        json!({"$ref": format!("{place}{name}")})
    }
}

/// The types of what the paths of every group version exchange, by name.
#[must_use]
pub fn shared() -> [String; 5] {
    let names = [
        "APIResourceList",
        "DeleteOptions",
        "Patch",
        "Status",
        "WatchEvent",
    ];
    names.map(|name| format!("{META}.{name}"))
}

/// Gives the schemas of types and of all that they refer to, each once, with its name.
#[derive(Debug)]
pub struct Components<'a> {
    dialect: Dialect,
    words: &'a Descriptions,
    pending: Vec<String>,
    seen: HashSet<String>,
}

impl<'a> Components<'a> {
    /// All that the types of these names need.
    #[must_use]
    pub fn new(
        dialect: Dialect,
        words: &'a Descriptions,
        roots: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            dialect,
            words,
            pending: roots.into_iter().collect(),
            seen: HashSet::new(),
        }
    }
}

impl Iterator for Components<'_> {
    type Item = (String, Value);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let name = self.pending.pop()?;
            if self.seen.insert(name.clone()) {
                let schema = match builtin().named(&name) {
                    Some(of) => self.write_type(of),
                    None => self.write_other(&name),
                };
                return Some((name, schema));
            }
        }
    }
}

impl Components<'_> {
    fn write_type(&mut self, of: TypeRef) -> Value {
        let kind = builtin().get(of);
        let mut out = Map::new();
        if let Some(words) = self.words.of_type(&kind.name) {
            out.insert("description".into(), words.into());
        }
        out.insert("type".into(), "object".into());
        let mut properties = Map::new();
        for field in &kind.fields {
            properties.insert(field.name.to_string(), self.write_field(kind, field));
        }
        if !properties.is_empty() {
            out.insert("properties".into(), Value::Object(properties));
        }
        let required: Vec<&str> = kind
            .fields
            .iter()
            .filter(|f| f.required)
            .map(|f| &*f.name)
            .collect();
        if !required.is_empty() {
            out.insert("required".into(), required.into());
        }
        if kind.open {
            out.insert("x-kubernetes-preserve-unknown-fields".into(), true.into());
        }
        if kind.structure == Structure::Atomic {
            out.insert("x-kubernetes-map-type".into(), "atomic".into());
        }
        out.extend(self.words.keywords(&kind.name, "").unwrap_or_default());
        let kinds = kinds_of(of);
        if !kinds.is_empty() {
            out.insert("x-kubernetes-group-version-kind".into(), kinds.into());
        }
        Value::Object(out)
    }

    fn write_field(&mut self, of: &Type, field: &Field) -> Value {
        let mut out = match self.write_shape(&field.shape) {
            Value::Object(out) => out,
            _ => Map::new(),
        };
        let keywords = self.words.keywords(&of.name, &field.name);
        self.write_keywords(keywords.unwrap_or_default(), &mut out);
        self.wrap_reference(&mut out);
        if let Some(words) = self.words.of_field(&of.name, &field.name) {
            out.insert("description".into(), words.into());
        }
        if let Some(default) = field
            .default
            .as_ref()
            .filter(|_| self.dialect == Dialect::V3)
        {
            out.insert("default".into(), (**default).clone());
        }
        write_merge(field, &mut out);
        Value::Object(out)
    }

    /// Version 3 allows nothing beside a reference.
    fn wrap_reference(&self, out: &mut Map<String, Value>) {
        if self.dialect == Dialect::V3
            && let Some(reference) = out.remove("$ref")
        {
            out.insert("allOf".into(), json!([{ "$ref": reference }]));
        }
    }

    /// What is kept with the descriptions: enumerations, defaults that Go implies, names of raw JSON.
    fn write_keywords(&mut self, keywords: Map<String, Value>, out: &mut Map<String, Value>) {
        for (keyword, value) in keywords {
            match (keyword.as_str(), value) {
                ("items" | "additionalProperties", Value::Object(inner)) => {
                    if let Some(Value::Object(item)) = out.get_mut(&keyword) {
                        self.write_keywords(inner, item);
                    }
                }
                ("$ref", Value::String(name)) => {
                    if let Value::Object(reference) = self.refer(&name) {
                        out.extend(reference);
                    }
                }
                // Version 2 shows no defaults.
                ("default", _) if self.dialect == Dialect::V2 => {}
                (_, value) => {
                    out.insert(keyword, value);
                }
            }
        }
    }

    fn write_shape(&mut self, shape: &Shape) -> Value {
        match shape {
            Shape::String | Shape::Duration => json!({"type": "string"}),
            Shape::Bytes => json!({"type": "string", "format": "byte"}),
            Shape::Boolean => json!({"type": "boolean"}),
            Shape::Int32 => json!({"type": "integer", "format": "int32"}),
            Shape::Int64 => json!({"type": "integer", "format": "int64"}),
            Shape::Double => json!({"type": "number", "format": "double"}),
            Shape::Time => self.refer(&format!("{META}.Time")),
            Shape::MicroTime => self.refer(&format!("{META}.MicroTime")),
            Shape::Quantity => self.refer(QUANTITY),
            Shape::IntOrString => self.refer(INT_OR_STRING),
            Shape::Object(of) => self.refer(&builtin().get(*of).name),
            Shape::List(item) => json!({"type": "array", "items": self.write_item(item)}),
            Shape::Map(value) => {
                json!({"type": "object", "additionalProperties": self.write_item(value)})
            }
            Shape::Any => json!({}),
        }
    }

    /// An item of a list or a value of a map: never a pointer in Go, so it has a default.
    fn write_item(&mut self, shape: &Shape) -> Value {
        let mut item = self.write_shape(shape);
        let default = match shape {
            Shape::String => json!(""),
            Shape::Boolean => json!(false),
            Shape::Int32 | Shape::Int64 | Shape::Double => json!(0),
            Shape::Object(_) => json!({}),
            _ => return item,
        };
        if let (Dialect::V3, Value::Object(out)) = (self.dialect, &mut item) {
            self.wrap_reference(out);
            out.insert("default".into(), default);
        }
        item
    }

    fn refer(&mut self, name: &str) -> Value {
        if !self.seen.contains(name) {
            self.pending.push(name.to_owned());
        }
        self.dialect.reference(name)
    }

    /// A type that is no object of fields: a time, a quantity, raw JSON.
    fn write_other(&self, name: &str) -> Value {
        let mut out = self.words.keywords(name, "").unwrap_or_default();
        if let Some(words) = self.words.of_type(name) {
            out.insert("description".into(), words.into());
        }
        let one_of = |kinds: [&str; 2]| json!(kinds.map(|kind| json!({"type": kind})));
        match (name, self.dialect) {
            (QUANTITY | INT_OR_STRING, Dialect::V2) => {
                out.insert("type".into(), "string".into());
            }
            (QUANTITY, Dialect::V3) => {
                out.insert("oneOf".into(), one_of(["string", "number"]));
            }
            (INT_OR_STRING, Dialect::V3) => {
                out.insert("oneOf".into(), one_of(["integer", "string"]));
            }
            _ => {}
        }
        if name == INT_OR_STRING {
            out.insert("format".into(), "int-or-string".into());
        }
        Value::Object(out)
    }
}

/// The kinds that a type is, but for those of its own package's group, which no path names.
fn kinds_of(of: TypeRef) -> Vec<Value> {
    let kinds = builtin().kinds().iter();
    kinds
        .filter(|kind| kind.of == of && &*kind.group != "meta.k8s.io")
        .map(|kind| json!({"group": &*kind.group, "kind": &*kind.kind, "version": &*kind.version}))
        .collect()
}

/// How apply and strategic merge patch treat the field.
fn write_merge(field: &Field, out: &mut Map<String, Value>) {
    match &field.list {
        ListKind::Atomic => {}
        ListKind::Set => {
            out.insert("x-kubernetes-list-type".into(), "set".into());
        }
        ListKind::Map { keys } => {
            out.insert("x-kubernetes-list-type".into(), "map".into());
            let keys: Vec<&str> = keys.iter().map(|key| &**key).collect();
            out.insert("x-kubernetes-list-map-keys".into(), keys.into());
        }
    }
    if field.structure == Structure::Atomic {
        out.insert("x-kubernetes-map-type".into(), "atomic".into());
    }
    let patch = &field.patch;
    let words = [
        (patch.merge, "merge"),
        (patch.retain_keys, "retainKeys"),
        (patch.replace, "replace"),
    ];
    let strategy: Vec<&str> = words
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, word)| *word)
        .collect();
    if !strategy.is_empty() {
        out.insert(
            "x-kubernetes-patch-strategy".into(),
            strategy.join(",").into(),
        );
    }
    if let Some(key) = &patch.merge_key {
        out.insert("x-kubernetes-patch-merge-key".into(), (**key).into());
    }
}

#[cfg(test)]
mod published;
#[cfg(test)]
mod tests;
