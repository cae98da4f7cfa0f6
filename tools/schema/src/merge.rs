//! Joins the OpenAPI definitions with the Go types into one arena.

use crate::go::{GoField, Package};
use api::schema::{
    Absent, Field, Form, Inline, ListKind, PatchStrategy, ProtoField, Schemas, Shape, Structure, Type,
    TypeRef,
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// Whose objects upstream stores as JSON, or not at all: there an empty list is not a nil one.
const NOT_IN_PROTOBUF: [&str; 4] = [
    "io.k8s.apiextensions-apiserver.",
    "io.k8s.kube-aggregator.",
    "io.k8s.api.authentication.",
    "io.k8s.api.authorization.",
];

/// The definitions and packages, and the arena that grows from them.
pub struct Merge<'a> {
    pub definitions: &'a serde_json::Map<String, Value>,
    /// By OpenAPI prefix, such as `io.k8s.api.core.v1`.
    pub packages: &'a BTreeMap<String, Package>,
    pub schemas: Schemas,
    pub descriptions: String,
    known: HashMap<String, TypeRef>,
}

impl<'a> Merge<'a> {
    pub fn new(
        definitions: &'a serde_json::Map<String, Value>,
        packages: &'a BTreeMap<String, Package>,
    ) -> Self {
        Self {
            definitions,
            packages,
            schemas: Schemas::new(),
            descriptions: String::new(),
            known: HashMap::new(),
        }
    }

    pub fn run(&mut self) {
        let mut names: Vec<&String> = self.definitions.keys().collect();
        names.sort();
        for name in names {
            if special(name).is_some() {
                self.describe_special(name);
                continue;
            }
            let at = self.of(name);
            for gvk in self.definitions[name]["x-kubernetes-group-version-kind"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let part = |part: &str| gvk[part].as_str().unwrap_or("").to_owned();
                self.schemas
                    .set_kind(&part("group"), &part("version"), &part("kind"), at);
            }
        }
        for (prefix, package) in self.packages {
            let mut names: Vec<&String> = package.structs.keys().collect();
            names.sort();
            for name in names {
                let fields = &package.structs[name];
                let kind = fields
                    .iter()
                    .any(|f| f.json.is_empty() && f.of.ends_with("TypeMeta") && f.proto.is_none());
                if !kind || name.starts_with("Internal") || name.starts_with("Table") {
                    continue;
                }
                let at = self.of(&format!("{prefix}.{name}"));
                let version = prefix.rsplit('.').next().unwrap_or("v1");
                if prefix == META {
                    self.schemas.set_kind("meta.k8s.io", version, name, at);
                }
                let group = if prefix == META { "" } else { &package.group };
                if self.schemas.kind(group, version, name).is_none() {
                    self.schemas.set_kind(group, version, name, at);
                }
            }
        }
    }

    /// The type of that OpenAPI name, made when first asked for.
    fn of(&mut self, name: &str) -> TypeRef {
        if let Some(at) = self.known.get(name) {
            return *at;
        }
        let at = self.schemas.push(Type {
            name: name.into(),
            ..Type::default()
        });
        self.known.insert(name.to_owned(), at);
        let (prefix, short) = name.rsplit_once('.').unwrap_or(("", name));
        let none = Package::default();
        let package = self.packages.get(prefix).unwrap_or(&none);
        let go = package
            .structs
            .get(short)
            .or_else(|| self.sibling(prefix, short))
            .cloned()
            .unwrap_or_default();
        let mut of = match self.definitions.get(name).cloned() {
            Some(definition) => self.definition_type(name, prefix, &definition, &go),
            None => self.go_type(name, prefix, &go),
        };
        of.inline = go
            .iter()
            .filter(|f| f.json.is_empty())
            .filter_map(|f| {
                Some(Inline {
                    tag: f.proto?.0,
                    of: self.of(&self.go_name(prefix, &f.of)),
                })
            })
            .collect();
        of.inline.sort_by_key(|inline| inline.tag);
        self.schemas.replace(at, of);
        at
    }

    /// The struct of the group's v1 that a type of an older version stands for.
    fn sibling(&self, prefix: &str, short: &str) -> Option<&'a Vec<GoField>> {
        let alias = self.packages.get(prefix)?.aliases.get(short)?;
        let name = alias.trim_start_matches("= ").strip_prefix("v1.")?;
        let (group, _) = prefix.rsplit_once('.')?;
        self.packages.get(&format!("{group}.v1"))?.structs.get(name)
    }

    /// What a type that is no object of ours is for, and what it may be.
    fn describe_special(&mut self, name: &str) {
        let definition = &self.definitions[name];
        self.describe(name, "", definition["description"].as_str().unwrap_or(""));
        let mut kind = &definition["type"];
        if let Value::Array(kinds) = kind {
            kind = &kinds[0];
        }
        let format = &definition["format"];
        let keywords = [("type", kind), ("format", format)].into_iter();
        let keywords = keywords.filter(|(_, value)| value.is_string());
        let keywords = keywords.map(|(keyword, value)| (keyword.to_owned(), value.clone()));
        self.note(name, "", keywords.collect());
    }

    fn definition_type(
        &mut self,
        name: &str,
        prefix: &str,
        definition: &Value,
        go: &[GoField],
    ) -> Type {
        self.describe(name, "", definition["description"].as_str().unwrap_or(""));
        let required = definition["required"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut notes = Map::new();
        if definition["x-kubernetes-unions"].is_array() {
            let unions = definition["x-kubernetes-unions"].clone();
            notes.insert("x-kubernetes-unions".into(), unions);
        }
        // In the order of Go's fields, where that is not the order of names.
        if !required.is_sorted_by_key(|name| name.as_str()) {
            notes.insert("required".into(), required.clone().into());
        }
        self.note(name, "", notes);
        let mut fields = Vec::new();
        for (json, property) in definition["properties"].as_object().into_iter().flatten() {
            let mut field = Field::new(json, self.shape(property));
            let mut words = property["description"].as_str().unwrap_or("").to_owned();
            let mut notes = special_reference(property);
            for (keyword, rule) in [
                ("x-kubernetes-list-type", "atomic"),
                ("x-kubernetes-map-type", "granular"),
            ] {
                if property[keyword] == rule {
                    notes.insert(keyword.into(), rule.into());
                }
            }
            field.required = required.iter().any(|r| r == json);
            field.list = list_kind(property);
            field.structure = structure(property);
            field.patch = patch(property);
            let declared = go.iter().find(|f| !f.json.is_empty() && f.json == *json);
            if let Some(declared) = declared {
                self.declare(prefix, declared, &mut field, &mut notes, &mut words);
            } else if let Some((prefix, declared)) = self.inlined(prefix, go, json) {
                self.declare_for_go(&prefix, &declared, &mut field);
            }
            self.describe(name, json, &words);
            self.note(name, json, notes);
            if field.default.is_none() {
                field.default = property.get("default").cloned().map(Box::new);
            }
            fields.push(field);
        }
        Type {
            name: name.into(),
            fields,
            structure: structure(definition),
            ..Type::default()
        }
    }

    /// What only Go says of a field: its place in protobuf, defaults, enumerations.
    fn declare(
        &mut self,
        prefix: &str,
        declared: &GoField,
        field: &mut Field,
        notes: &mut Map<String, Value>,
        words: &mut String,
    ) {
        field.proto = self.proto(prefix, declared);
        self.declare_for_go(prefix, declared, field);
        field.default = default(declared.default.as_deref());
        self.enumerate(prefix, declared, notes, words);
        if !declared.omitempty && !declared.pointer {
            zero(&field.shape, notes);
        }
        if matches!(field.shape, Shape::Object(_)) && !declared.pointer {
            notes.insert("default".into(), json!({}));
        }
    }

    /// How Go writes the zero of a field, and what it calls its type.
    fn declare_for_go(&self, prefix: &str, declared: &GoField, field: &mut Field) {
        field.omits_zero = declared.omitempty && !declared.pointer;
        field.absent = absent(prefix, declared, &field.shape);
        let telling = match &field.shape {
            Shape::Object(_) | Shape::Any | Shape::Quantity | Shape::IntOrString => true,
            Shape::Time | Shape::MicroTime | Shape::Duration => true,
            Shape::List(item) => matches!(**item, Shape::Object(_)) && declared.of.starts_with("[]"),
            _ => false,
        };
        let named = (!telling).then(|| self.named_type(prefix, &declared.of));
        field.go_type = named.flatten().map(Into::into);
    }

    /// The field as a struct declares it whose fields JSON lists beside the outer one's own.
    fn inlined(&self, prefix: &str, go: &[GoField], json: &str) -> Option<(String, GoField)> {
        let inline = go.iter().filter(|field| field.json.is_empty());
        let mut names = inline.map(|field| self.go_name(prefix, &field.of));
        names.find_map(|name| {
            let (owner, short) = name.rsplit_once('.')?;
            let fields = self.packages.get(owner)?.structs.get(short)?;
            let own = fields.iter().find(|field| field.json == json);
            let own = own.map(|field| (owner.to_owned(), field.clone()));
            own.or_else(|| self.inlined(owner, fields, json))
        })
    }

    /// A type with a name of its own as Go's messages write it; none for what has none.
    fn named_type(&self, prefix: &str, of: &str) -> Option<String> {
        for start in ["[]", "map[string]"] {
            if let Some(rest) = of.strip_prefix(start) {
                let named = self.named_type(prefix, rest.trim_start_matches('*'))?;
                return Some(format!("{start}{named}"));
            }
        }
        if let Some((key, rest)) = of.strip_prefix("map[").and_then(|it| it.split_once(']')) {
            let key = self.named_type(prefix, key)?;
            let plain = || rest.to_owned();
            let value = self.named_type(prefix, rest).unwrap_or_else(plain);
            return Some(format!("map[{key}]{value}"));
        }
        let (package, name) = match of.split_once('.') {
            None if !of.starts_with(char::is_uppercase) => return None,
            None => (prefix.rsplit('.').next().unwrap_or(prefix), of),
            // `metav1` and its like are the package `v1`.
            Some((package, name)) => {
                let version = package.rfind('v').map(|at| &package[at..]);
                let digit = |it: &&str| it[1..].starts_with(|it: char| it.is_ascii_digit());
                (version.filter(digit).unwrap_or(package), name)
            }
        };
        Some(format!("{package}.{name}"))
    }

    fn go_type(&mut self, name: &str, prefix: &str, go: &[GoField]) -> Type {
        let (_, short) = name.rsplit_once('.').unwrap_or(("", name));
        let package = self.packages.get(prefix);
        let words = package.and_then(|it| it.words.get(short));
        self.describe(name, "", words.map_or("", String::as_str));
        let mut fields = Vec::new();
        for declared in go {
            if declared.json.is_empty()
                && declared.of.ends_with("TypeMeta")
                && declared.proto.is_none()
            {
                let packages = self.packages;
                for own in &packages[META].structs["TypeMeta"] {
                    self.describe(name, &own.json, &own.description);
                }
                fields.push(Field::new("apiVersion", Shape::String));
                fields.push(Field::new("kind", Shape::String));
            }
            if declared.json.is_empty() && declared.proto.is_some() {
                let of = self.of(&self.go_name(prefix, &declared.of));
                fields.extend(self.schemas.get(of).fields.iter().map(|f| Field {
                    proto: None,
                    ..f.clone()
                }));
            }
            if declared.json.is_empty() || declared.json == "-" {
                continue;
            }
            let shape = self.go_shape(prefix, &declared.of);
            let mut field = Field::new(&declared.json, shape);
            let (mut notes, mut words) = (Map::new(), declared.description.clone());
            self.declare(prefix, declared, &mut field, &mut notes, &mut words);
            if let Some(of) = self.special_type(prefix, &declared.of) {
                notes.insert("$ref".into(), of.into());
            }
            self.describe(name, &declared.json, &words);
            self.note(name, &declared.json, notes);
            field.required = !declared.omitempty;
            field.list = match declared.list_type.as_str() {
                "set" => ListKind::Set,
                "map" => ListKind::Map {
                    keys: declared
                        .list_keys
                        .iter()
                        .map(|k| k.as_str().into())
                        .collect(),
                },
                _ => ListKind::Atomic,
            };
            if declared.map_type == "atomic" {
                field.structure = Structure::Atomic;
            }
            field.patch = strategy(&declared.patch_strategy, declared.merge_key.as_deref());
            fields.push(field);
        }
        Type {
            name: name.into(),
            fields,
            ..Type::default()
        }
    }

    fn describe(&mut self, of: &str, field: &str, words: &str) {
        if !words.is_empty() {
            self.descriptions
                .push_str(&format!("{of}\u{1f}{field}\u{1f}{words}\u{1e}"));
        }
    }

    /// Keywords of OpenAPI that nothing else needs: kept with the descriptions, out of the table.
    fn note(&mut self, of: &str, field: &str, keywords: Map<String, Value>) {
        if !keywords.is_empty() {
            let keywords = Value::Object(keywords).to_string();
            self.describe(of, &format!("{field}\u{1d}"), &keywords);
        }
    }

    /// The OpenAPI name of a type that is raw JSON to us.
    fn special_type(&self, prefix: &str, of: &str) -> Option<String> {
        let name = self.go_name(prefix, of);
        (special(&name) == Some(Shape::Any) && self.definitions.contains_key(&name)).then_some(name)
    }

    /// The values of a field whose type is an enumeration, as a keyword and in words.
    fn enumerate(
        &self,
        prefix: &str,
        declared: &GoField,
        notes: &mut Map<String, Value>,
        words: &mut String,
    ) {
        let of = declared.of.trim_start_matches("[]").trim_start_matches('*');
        let name = self.go_name(prefix, of);
        let Some((owner, short)) = name.rsplit_once('.') else {
            return;
        };
        let Some(package) = self.packages.get(owner) else {
            return;
        };
        let values = package.constants.get(short);
        let Some(values) = values.filter(|_| package.enums.contains(short)) else {
            return;
        };
        let mut names: Vec<&str> = values.iter().map(|value| value.value.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if declared.of.starts_with("[]") {
            notes.insert("items".into(), json!({ "enum": names }));
            return;
        }
        notes.insert("enum".into(), names.into());
        let mut lines: Vec<String> = values
            .iter()
            .map(|value| match value.description.as_str() {
                "" => format!(" - `{:?}`", value.value),
                words => format!(" - `{:?}` {words}", value.value),
            })
            .collect();
        lines.sort();
        lines.dedup();
        words.push_str("\n\nPossible enum values:\n");
        words.push_str(&lines.join("\n"));
    }

    fn shape(&mut self, property: &Value) -> Shape {
        if let Some(reference) = property["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap_or("");
            return special(name).unwrap_or_else(|| Shape::Object(self.of(name)));
        }
        let kind = match &property["type"] {
            Value::Array(kinds) => kinds.first().and_then(Value::as_str).unwrap_or(""),
            kind => kind.as_str().unwrap_or(""),
        };
        match (kind, property["format"].as_str().unwrap_or("")) {
            ("string", "byte") => Shape::Bytes,
            ("string", _) => Shape::String,
            ("boolean", _) => Shape::Boolean,
            ("integer", "int32") => Shape::Int32,
            ("integer", _) => Shape::Int64,
            ("number", _) => Shape::Double,
            ("array", _) => Shape::List(Box::new(self.shape(&property["items"]))),
            ("object", _) if property["additionalProperties"].is_object() => {
                Shape::Map(Box::new(self.shape(&property["additionalProperties"])))
            }
            _ => Shape::Any,
        }
    }

    fn go_shape(&mut self, prefix: &str, of: &str) -> Shape {
        if let Some(item) = of.strip_prefix("[]") {
            return match item {
                "byte" => Shape::Bytes,
                item => Shape::List(Box::new(
                    self.go_shape(prefix, item.trim_start_matches('*')),
                )),
            };
        }
        if let Some((_, value)) = of
            .strip_prefix("map[")
            .and_then(|rest| rest.split_once(']'))
        {
            return Shape::Map(Box::new(self.go_shape(prefix, value)));
        }
        match of {
            "string" | "types.UID" | "metav1.UID" => Shape::String,
            "bool" => Shape::Boolean,
            "int32" => Shape::Int32,
            "int64" | "int" => Shape::Int64,
            "float64" => Shape::Double,
            _ => {
                let name = self.go_name(prefix, of);
                if let Some(shape) = special(&name) {
                    return shape;
                }
                let (owner, short) = name.rsplit_once('.').unwrap_or(("", &name));
                if self.sibling(owner, short).is_some() {
                    return Shape::Object(self.of(&name));
                }
                match self
                    .packages
                    .get(owner)
                    .and_then(|p| p.aliases.get(short))
                    .cloned()
                {
                    Some(alias) if self.go_name(owner, &alias) != name => {
                        self.go_shape(owner, &alias)
                    }
                    _ if self
                        .packages
                        .get(owner)
                        .is_some_and(|p| p.structs.contains_key(short)) =>
                    {
                        Shape::Object(self.of(&name))
                    }
                    _ => Shape::String,
                }
            }
        }
    }

    /// The OpenAPI name of a type that Go code of a package names.
    fn go_name(&self, prefix: &str, of: &str) -> String {
        match of.split_once('.') {
            None => format!("{prefix}.{of}"),
            Some(("metav1", name)) => format!("{META}.{name}"),
            Some(("v1" | "corev1", name)) => {
                let core = "io.k8s.api.core.v1";
                let sibling = prefix
                    .rsplit_once('.')
                    .map(|(group, _)| format!("{group}.v1"))
                    .unwrap_or_default();
                let owner = [sibling.as_str(), core]
                    .into_iter()
                    .find(|owner| self.declares(owner, name));
                format!("{}.{name}", owner.unwrap_or(META))
            }
            Some((alias, name)) if self.declares(&named_group(alias), name) => {
                format!("{}.{name}", named_group(alias))
            }
            Some(("runtime", name)) => format!("io.k8s.apimachinery.pkg.runtime.{name}"),
            Some(("resource", name)) => format!("io.k8s.apimachinery.pkg.api.resource.{name}"),
            Some(("intstr", name)) => format!("io.k8s.apimachinery.pkg.util.intstr.{name}"),
            Some((_, name)) => format!("{prefix}.{name}"),
        }
    }

    fn declares(&self, prefix: &str, name: &str) -> bool {
        self.packages
            .get(prefix)
            .is_some_and(|p| p.structs.contains_key(name) || p.aliases.contains_key(name))
    }

    fn proto(&mut self, prefix: &str, declared: &GoField) -> Option<ProtoField> {
        let (tag, repeated) = declared.proto?;
        let schema = format!("{prefix}.JSONSchemaProps");
        let form = match declared.of.as_str() {
            "JSONSchemaPropsOrArray" => Form::SchemaOrArray(self.of(&schema)),
            "JSONSchemaPropsOrBool" => Form::SchemaOrBool(self.of(&schema)),
            "JSONSchemaPropsOrStringArray" => Form::SchemaOrStrings(self.of(&schema)),
            _ if !repeated
                && !declared.of.starts_with("[]")
                && matches!(self.go_shape(prefix, &declared.of), Shape::List(_)) =>
            {
                Form::Wrapped
            }
            _ => Form::Plain,
        };
        Some(ProtoField {
            tag,
            pointer: declared.pointer,
            form,
        })
    }
}

/// The prefix that Go code means by `authenticationv1`.
fn named_group(alias: &str) -> String {
    format!(
        "io.k8s.api.{}.v1",
        alias.strip_suffix("v1").unwrap_or(alias)
    )
}

fn special(name: &str) -> Option<Shape> {
    Some(match name.rsplit_once('.').unwrap_or(("", name)).1 {
        "Quantity" => Shape::Quantity,
        "IntOrString" => Shape::IntOrString,
        "Time" if name.starts_with(META) => Shape::Time,
        "MicroTime" => Shape::MicroTime,
        "Duration" if name.starts_with(META) => Shape::Duration,
        "FieldsV1" | "RawExtension" | "JSON" | "Patch" => Shape::Any,
        short if short.starts_with("JSONSchemaPropsOr") => Shape::Any,
        _ => return None,
    })
}

/// The name of a type that is raw JSON to us, where a property refers to one.
fn special_reference(property: &Value) -> Map<String, Value> {
    let mut notes = Map::new();
    let name = property["$ref"]
        .as_str()
        .and_then(|it| it.rsplit('/').next());
    if let Some(name) = name.filter(|name| special(name) == Some(Shape::Any)) {
        notes.insert("$ref".into(), name.into());
    }
    for keyword in ["items", "additionalProperties"] {
        let inner = property.get(keyword).map(special_reference);
        if let Some(inner) = inner.filter(|inner| !inner.is_empty()) {
            notes.insert(keyword.into(), inner.into());
        }
    }
    notes
}

fn list_kind(property: &Value) -> ListKind {
    match property["x-kubernetes-list-type"].as_str() {
        Some("set") => ListKind::Set,
        Some("map") => {
            let keys = property["x-kubernetes-list-map-keys"]
                .as_array()
                .into_iter()
                .flatten();
            ListKind::Map {
                keys: keys.filter_map(|key| Some(key.as_str()?.into())).collect(),
            }
        }
        _ => ListKind::Atomic,
    }
}

fn structure(of: &Value) -> Structure {
    match of["x-kubernetes-map-type"].as_str() {
        Some("atomic") => Structure::Atomic,
        _ => Structure::Granular,
    }
}

/// The default that a field has in Go without saying so: what is no pointer is there.
fn zero(shape: &Shape, notes: &mut Map<String, Value>) {
    let zero = match shape {
        Shape::String => json!(""),
        Shape::Boolean => json!(false),
        Shape::Int32 | Shape::Int64 | Shape::Double => json!(0),
        _ => return,
    };
    notes.insert("default".into(), zero);
}

/// What Go writes of a field that is absent. `omitempty` is of no effect on a struct.
fn absent(prefix: &str, declared: &GoField, shape: &Shape) -> Absent {
    let whole = match shape {
        Shape::Object(_) | Shape::Any | Shape::Quantity | Shape::IntOrString => true,
        Shape::Time | Shape::MicroTime | Shape::Duration => true,
        _ => false,
    };
    if declared.omitzero || declared.omitempty && (declared.pointer || !whole) {
        return Absent::Unwritten;
    }
    match shape {
        _ if declared.pointer => Absent::Null,
        Shape::List(_) | Shape::Map(_) if !NOT_IN_PROTOBUF.iter().any(|it| prefix.starts_with(it)) => {
            Absent::Nil
        }
        Shape::List(_) | Shape::Map(_) | Shape::Bytes => Absent::Null,
        Shape::Any | Shape::Time | Shape::MicroTime => Absent::Null,
        _ => Absent::Zero,
    }
}

fn patch(property: &Value) -> PatchStrategy {
    strategy(
        property["x-kubernetes-patch-strategy"]
            .as_str()
            .unwrap_or(""),
        property["x-kubernetes-patch-merge-key"].as_str(),
    )
}

fn strategy(strategy: &str, merge_key: Option<&str>) -> PatchStrategy {
    let has = |word: &str| strategy.split(',').any(|part| part == word);
    PatchStrategy {
        merge: has("merge"),
        merge_key: merge_key.map(Into::into),
        retain_keys: has("retainKeys"),
        replace: has("replace"),
    }
}

/// A `+default` marker that is JSON; those that name a Go constant are left out.
fn default(marker: Option<&str>) -> Option<Box<Value>> {
    let marker = marker?;
    serde_json::from_str(marker).ok().map(Box::new)
}
