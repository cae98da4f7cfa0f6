//! The arena: types by index, by name and by kind.

use crate::schema::{Form, Shape, Type};
use std::{collections::HashMap, sync::Arc};

/// A type's place in its arena. Meaningful only together with the `Schemas` it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeRef(pub u32);

/// A group, version and kind, and the type that describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The API group; empty for the core group.
    pub group: Arc<str>,
    /// The version, such as `v1`.
    pub version: Arc<str>,
    /// The kind, such as `Pod`.
    pub kind: Arc<str>,
    /// Its type.
    pub of: TypeRef,
}

impl Kind {
    fn key(&self) -> (&str, &str, &str) {
        (&self.group, &self.version, &self.kind)
    }
}

/// An arena of types.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    types: Vec<Type>,
    names: HashMap<Arc<str>, TypeRef>,
    kinds: Vec<Kind>,
}

impl Schemas {
    /// An empty arena.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a type, sorting its fields; a type of the same name is no longer found by name.
    pub fn push(&mut self, mut of: Type) -> TypeRef {
        of.fields.sort_by(|a, b| a.name.cmp(&b.name));
        let at = TypeRef(u32::try_from(self.types.len()).unwrap_or(u32::MAX));
        self.names.insert(of.name.clone(), at);
        self.types.push(of);
        at
    }

    /// Puts a type where another was, so that types can refer to each other in a circle.
    pub fn replace(&mut self, at: TypeRef, mut of: Type) {
        of.fields.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(slot) = self.types.get_mut(at.0 as usize) {
            self.names.insert(of.name.clone(), at);
            *slot = of;
        }
    }

    /// Says which type describes a kind.
    pub fn set_kind(&mut self, group: &str, version: &str, kind: &str, of: TypeRef) {
        let entry = Kind {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            of,
        };
        match self.kinds.binary_search_by(|k| k.key().cmp(&entry.key())) {
            Ok(at) => self.kinds[at] = entry,
            Err(at) => self.kinds.insert(at, entry),
        }
    }

    /// Copies a type and all that it refers to from another arena.
    pub fn import(&mut self, from: &Schemas, of: TypeRef) -> TypeRef {
        let source = from.get(of);
        if let Some(known) = self.named(&source.name) {
            return known;
        }
        let at = self.push(Type {
            name: source.name.clone(),
            ..Type::default()
        });
        let mut copy = source.clone();
        for field in &mut copy.fields {
            self.import_shape(from, &mut field.shape);
            if let Some(proto) = &mut field.proto {
                match &mut proto.form {
                    Form::SchemaOrArray(of)
                    | Form::SchemaOrBool(of)
                    | Form::SchemaOrStrings(of) => {
                        *of = self.import(from, *of);
                    }
                    Form::Plain | Form::Wrapped => {}
                }
            }
        }
        for inline in &mut copy.inline {
            inline.of = self.import(from, inline.of);
        }
        self.replace(at, copy);
        at
    }

    fn import_shape(&mut self, from: &Schemas, shape: &mut Shape) {
        match shape {
            Shape::Object(of) => *of = self.import(from, *of),
            Shape::List(item) | Shape::Map(item) => self.import_shape(from, item),
            _ => {}
        }
    }

    /// The type of a kind. The group of core kinds is the empty string.
    #[must_use]
    pub fn kind(&self, group: &str, version: &str, kind: &str) -> Option<TypeRef> {
        let at = self
            .kinds
            .binary_search_by(|k| k.key().cmp(&(group, version, kind)))
            .ok()?;
        self.kinds.get(at).map(|k| k.of)
    }

    /// The type of a kind by its `apiVersion`, such as `apps/v1`.
    #[must_use]
    pub fn api_kind(&self, api_version: &str, kind: &str) -> Option<TypeRef> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.kind(group, version, kind)
    }

    /// A type by its OpenAPI name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<TypeRef> {
        self.names.get(name).copied()
    }

    /// The type at a place. A reference of another arena is a mistake of the caller; it is answered
    /// with an empty type.
    #[must_use]
    pub fn get(&self, at: TypeRef) -> &Type {
        static EMPTY: std::sync::LazyLock<Type> = std::sync::LazyLock::new(Type::default);
        debug_assert!((at.0 as usize) < self.types.len());
        self.types.get(at.0 as usize).unwrap_or(&EMPTY)
    }

    /// Every type with its place.
    pub fn types(&self) -> impl Iterator<Item = (TypeRef, &Type)> {
        (0u32..).map(TypeRef).zip(&self.types)
    }

    /// Every kind, sorted by group, version and kind.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }
}
