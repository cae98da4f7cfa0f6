//! A place in a schema, walked beside a tree: which fields, items and merge rules hold there.

use api::schema::{Field, ListKind, PatchStrategy, Schemas, Shape, Structure, Type, TypeRef};
use serde_json::Value;
use std::sync::Arc;

/// How a value is compared, merged and owned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule<'a> {
    /// One value.
    Leaf,
    /// An object or map whose entries stand for themselves.
    Map,
    /// A list of unique values.
    Set,
    /// A list of objects told apart by these fields.
    Keyed(&'a [Arc<str>]),
}

/// A place in a schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    schemas: &'a Schemas,
    place: Place<'a>,
    field: Option<&'a Field>,
}

#[derive(Clone, Copy, Debug)]
enum Place<'a> {
    Object(TypeRef),
    Shape(&'a Shape),
    Unknown,
}

impl<'a> Node<'a> {
    /// The whole object of a type.
    pub(crate) fn root(schemas: &'a Schemas, of: TypeRef) -> Self {
        Self {
            schemas,
            place: Place::Object(of),
            field: None,
        }
    }

    fn object(&self) -> Option<&'a Type> {
        match self.place {
            Place::Object(of) | Place::Shape(&Shape::Object(of)) => Some(self.schemas.get(of)),
            _ => None,
        }
    }

    /// The field or map entry `name`.
    pub(crate) fn child(&self, name: &str) -> Self {
        if let Some(field) = self.object().and_then(|of| of.field(name)) {
            return Self {
                schemas: self.schemas,
                place: Place::Shape(&field.shape),
                field: Some(field),
            };
        }
        self.below(match self.place {
            Place::Shape(Shape::Map(value)) => Place::Shape(value),
            _ => Place::Unknown,
        })
    }

    /// The items of the list here.
    pub(crate) fn item(&self) -> Self {
        self.below(match self.place {
            Place::Shape(Shape::List(item)) => Place::Shape(item),
            _ => Place::Unknown,
        })
    }

    fn below(&self, place: Place<'a>) -> Self {
        Self {
            schemas: self.schemas,
            place,
            field: None,
        }
    }

    /// Whether entries are a map's and not a type's fields.
    pub(crate) fn is_map(&self) -> bool {
        matches!(self.place, Place::Shape(Shape::Map(_)))
    }

    /// Whether the definition requires this field.
    pub(crate) fn is_required(&self) -> bool {
        self.field.is_some_and(|field| field.required)
    }

    /// How server-side apply treats `value` here. A value of another shape than the schema's is one value.
    pub(crate) fn rule(&self, value: &Value) -> Rule<'a> {
        let atomic = self
            .field
            .is_some_and(|field| field.structure == Structure::Atomic)
            || self
                .object()
                .is_some_and(|of| of.structure == Structure::Atomic);
        match (self.place, value) {
            _ if atomic => Rule::Leaf,
            (
                Place::Object(_) | Place::Shape(Shape::Object(_) | Shape::Map(_)),
                Value::Object(_),
            ) => Rule::Map,
            (Place::Shape(Shape::List(_)), Value::Array(_)) => {
                match self.field.map(|field| &field.list) {
                    Some(ListKind::Set) => Rule::Set,
                    Some(ListKind::Map { keys }) => Rule::Keyed(keys),
                    _ => Rule::Leaf,
                }
            }
            _ => Rule::Leaf,
        }
    }

    /// The default of the field `name` here, for keys that may be left out.
    pub(crate) fn default_of(&self, name: &str) -> Option<&'a Value> {
        self.object()?.field(name)?.default.as_deref()
    }

    /// How strategic merge patch treats this field.
    pub(crate) fn patch(&self) -> Option<&'a PatchStrategy> {
        self.field.map(|field| &field.patch)
    }
}
