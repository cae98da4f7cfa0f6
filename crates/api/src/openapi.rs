//! The schema parts of the OpenAPI documents: `components` of version 3, `definitions` of version 2.
//!
//! Made anew on every call from the schema table and the descriptions; the caller adds the paths and
//! caches the document compressed. Upstream: `k8s.io/kube-openapi`.

pub mod gnostic;

use crate::schema::{
    Field, Form, ListKind, Schemas, Shape, Structure, Type, TypeRef, builtin, descriptions,
};
use descriptions::Descriptions;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// Types that every group's paths refer to.
const SHARED: [&str; 6] = [
    "APIResourceList",
    "DeleteOptions",
    "Status",
    "WatchEvent",
    "ObjectMeta",
    "ListMeta",
];

/// The two forms of the document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form2or3 {
    V2,
    V3,
}

/// `components.schemas` of a group and version: its kinds, and all that they refer to.
#[must_use]
pub fn v3_components(group: &str, version: &str) -> Map<String, Value> {
    let schemas = builtin();
    let shared = SHARED
        .iter()
        .filter_map(|name| schemas.named(&format!("{META}.{name}")));
    let kinds = schemas
        .kinds()
        .iter()
        .filter(|kind| &*kind.group == group && &*kind.version == version);
    components(schemas, kinds.map(|kind| kind.of).chain(shared))
}

/// `components.schemas` for types of any arena, and all that they refer to.
#[must_use]
pub fn components(schemas: &Schemas, roots: impl Iterator<Item = TypeRef>) -> Map<String, Value> {
    Writer::new(schemas, Form2or3::V3).write(roots)
}

/// `definitions` of the version 2 document: these types, and all that they refer to.
#[must_use]
pub fn v2_definitions(roots: impl Iterator<Item = TypeRef>) -> Map<String, Value> {
    let schemas = builtin();
    let shared = SHARED
        .iter()
        .filter_map(|name| schemas.named(&format!("{META}.{name}")));
    Writer::new(schemas, Form2or3::V2).write(roots.chain(shared))
}

struct Writer<'a> {
    schemas: &'a Schemas,
    form: Form2or3,
    words: Descriptions,
    kinds: BTreeMap<TypeRef, Vec<Value>>,
    pending: Vec<TypeRef>,
    written: Map<String, Value>,
}

impl<'a> Writer<'a> {
    fn new(schemas: &'a Schemas, form: Form2or3) -> Self {
        let mut kinds: BTreeMap<TypeRef, Vec<Value>> = BTreeMap::new();
        for kind in schemas.kinds() {
            let gvk =
                json!({"group": &*kind.group, "kind": &*kind.kind, "version": &*kind.version});
            kinds.entry(kind.of).or_default().push(gvk);
        }
        Self {
            schemas,
            form,
            words: descriptions::load(),
            kinds,
            pending: Vec::new(),
            written: Map::new(),
        }
    }

    fn write(mut self, roots: impl Iterator<Item = TypeRef>) -> Map<String, Value> {
        self.pending.extend(roots);
        while let Some(of) = self.pending.pop() {
            let kind = self.schemas.get(of);
            if !self.written.contains_key(&*kind.name) {
                // The name is taken first: types refer to themselves.
                self.written.insert(kind.name.to_string(), Value::Null);
                let written = self.write_type(of, kind);
                self.written.insert(kind.name.to_string(), written);
            }
        }
        self.written
    }

    fn write_type(&mut self, of: TypeRef, kind: &Type) -> Value {
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
        if let Some(kinds) = self.kinds.get(&of) {
            out.insert(
                "x-kubernetes-group-version-kind".into(),
                kinds.clone().into(),
            );
        }
        Value::Object(out)
    }

    fn write_field(&mut self, of: &Type, field: &Field) -> Value {
        // Only some raw JSON is known to be an object; the rest may be anything and says nothing.
        let object = field
            .proto
            .is_some_and(|proto| !proto.pointer && proto.form == Form::Plain);
        let mut out = match self.write_shape(&field.shape) {
            Value::Object(out) => out,
            _ => Map::new(),
        };
        if matches!(field.shape, Shape::Any) && object {
            out.insert("type".into(), "object".into());
        }
        if self.form == Form2or3::V3 && out.contains_key("$ref") {
            // Version 3 allows nothing beside a reference.
            out = Map::from_iter([("allOf".to_owned(), json!([out]))]);
        }
        if let Some(words) = self.words.of_field(&of.name, &field.name) {
            out.insert("description".into(), words.into());
        }
        self.write_keywords(of, field, &mut out);
        if let Some(default) = field.default.as_ref().filter(|_| self.form == Form2or3::V3) {
            out.insert("default".into(), (**default).clone());
        }
        write_merge(field, &mut out);
        Value::Object(out)
    }

    /// What is kept with the descriptions: enumerations, defaults that Go implies.
    fn write_keywords(&self, of: &Type, field: &Field, out: &mut Map<String, Value>) {
        for (keyword, value) in self
            .words
            .keywords(&of.name, &field.name)
            .unwrap_or_default()
        {
            match (keyword.as_str(), value) {
                ("items", Value::Object(inner)) => {
                    if let Some(items) = out.get_mut("items").and_then(Value::as_object_mut) {
                        items.extend(inner);
                    }
                }
                // Version 2 shows no defaults.
                ("default", _) if self.form == Form2or3::V2 => {}
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
            Shape::Time => self.named(
                &format!("{META}.Time"),
                json!({"type": "string", "format": "date-time"}),
            ),
            Shape::MicroTime => self.named(
                &format!("{META}.MicroTime"),
                json!({"type": "string", "format": "date-time"}),
            ),
            Shape::Quantity => {
                let v3 = json!({"oneOf": [{"type": "string"}, {"type": "number"}]});
                let of = if self.form == Form2or3::V3 {
                    v3
                } else {
                    json!({"type": "string"})
                };
                self.named("io.k8s.apimachinery.pkg.api.resource.Quantity", of)
            }
            Shape::IntOrString => {
                let v3 = json!({"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"});
                let v2 = json!({"type": "string", "format": "int-or-string"});
                let of = if self.form == Form2or3::V3 { v3 } else { v2 };
                self.named("io.k8s.apimachinery.pkg.util.intstr.IntOrString", of)
            }
            Shape::Object(of) => {
                self.pending.push(*of);
                self.reference(&self.schemas.get(*of).name)
            }
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
        if self.form == Form2or3::V2 {
            return item;
        }
        if item.get("$ref").is_some() {
            item = json!({"allOf": [item]});
        }
        item["default"] = default;
        item
    }

    /// A reference to a type that is no object, written when first referred to.
    fn named(&mut self, name: &str, of: Value) -> Value {
        self.written.entry(name).or_insert(of);
        self.reference(name)
    }

    fn reference(&self, name: &str) -> Value {
        let place = if self.form == Form2or3::V3 {
            "#/components/schemas/"
        } else {
            "#/definitions/"
        };
        json!({"$ref": format!("{place}{name}")})
    }
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
mod tests;
