//! A place in a schema, walked beside a tree: which fields, items and merge rules hold there.

use api::schema::{
    Absent, Field, ListKind, PatchStrategy, Schemas, Shape, Structure, Type, TypeRef,
};
use serde_json::{Map, Value};
use std::sync::{Arc, LazyLock};

static EMPTY: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));
static NULL: Value = Value::Null;
static FALSE: Value = Value::Bool(false);
static ZERO: LazyLock<Value> = LazyLock::new(|| Value::from(0));
static NOTHING: LazyLock<Value> = LazyLock::new(|| Value::from(""));
static NO_QUANTITY: LazyLock<Value> = LazyLock::new(|| Value::from("0"));

/// An object without fields.
pub(crate) fn empty_object() -> &'static Value {
    &EMPTY
}

/// How many objects and lists stand in one another.
pub(crate) fn depth_of(tree: &Value) -> usize {
    match tree {
        Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}

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

    /// Whether the type here lists a field of that name.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        self.object().is_some_and(|of| of.field(name).is_some())
    }

    /// Whether fields that are not listed are kept here.
    pub(crate) fn is_open(&self) -> bool {
        self.object().is_none_or(|of| of.open)
    }

    /// The scalar that belongs here; none where an object or a list does, or anything may stand.
    pub(crate) fn scalar(&self) -> Option<&'a Shape> {
        match self.place {
            Place::Shape(Shape::Object(_) | Shape::List(_) | Shape::Map(_) | Shape::Any)
            | Place::Object(_)
            | Place::Unknown => None,
            Place::Shape(shape) => Some(shape),
        }
    }

    /// Whether an object (or map) belongs here.
    pub(crate) fn wants_object(&self) -> bool {
        matches!(
            self.place,
            Place::Object(_) | Place::Shape(Shape::Object(_) | Shape::Map(_))
        )
    }

    /// Whether a list belongs here.
    pub(crate) fn wants_list(&self) -> bool {
        matches!(self.place, Place::Shape(Shape::List(_)))
    }

    /// What Go's struct holds in the field `name` when nobody set it; none for a field that is absent
    /// then. Go knows no absent struct, and writes what has no `omitempty`: such fields are always there,
    /// and nobody becomes the owner of them for that.
    pub(crate) fn zero(&self, name: &str) -> Option<&'static Value> {
        zero(self.object()?.field(name)?)
    }

    /// The fields that Go's struct always has.
    pub(crate) fn zeros(&self) -> impl Iterator<Item = &'a str> {
        let fields = self.object().map_or(&[][..], |of| &of.fields);
        let present = fields.iter().filter(|field| zero(field).is_some());
        present.map(|field| &*field.name)
    }

    /// How server-side apply treats `value` here. A value of another shape than the schema's is one value;
    /// null is an empty container.
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
                Value::Object(_) | Value::Null,
            ) => Rule::Map,
            (Place::Shape(Shape::List(_)), Value::Array(_) | Value::Null) => {
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

fn zero(field: &Field) -> Option<&'static Value> {
    match (field.absent, &field.shape) {
        (Absent::Unwritten, _) => None,
        (Absent::Null | Absent::Nil, _) => Some(&NULL),
        (Absent::Zero, Shape::Object(_)) => Some(&EMPTY),
        (Absent::Zero, Shape::Quantity) => Some(&NO_QUANTITY),
        (Absent::Zero, Shape::String) => Some(&NOTHING),
        (Absent::Zero, Shape::Boolean) => Some(&FALSE),
        (Absent::Zero, Shape::Int32 | Shape::Int64 | Shape::Double | Shape::IntOrString) => {
            Some(&ZERO)
        }
        (Absent::Zero, _) => None,
    }
}
