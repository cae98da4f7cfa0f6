//! Types and fields: the words in which a schema is written.

use crate::schema::TypeRef;
use std::sync::Arc;

/// A JSON object with named fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Type {
    /// The name in OpenAPI, such as `io.k8s.api.core.v1.Pod`.
    pub name: Arc<str>,
    /// The fields, sorted by their JSON name.
    pub fields: Vec<Field>,
    /// Whether server-side apply owns the object whole (`x-kubernetes-map-type` of the type).
    pub structure: Structure,
    /// Whether fields that are not listed are kept (custom resources that preserve unknown fields).
    pub open: bool,
    /// Messages that protobuf nests but JSON spells out in the object itself, sorted by tag.
    pub inline: Vec<Inline>,
}

impl Type {
    /// The field of that JSON name. Case matters, as it does for Kubernetes.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        let at = self
            .fields
            .binary_search_by(|field| (*field.name).cmp(name));
        self.fields.get(at.ok()?)
    }

    /// The same, and where it stands, for a reader who expects it at `from` or soon after, as objects that are
    /// written in the order of their fields have it.
    #[must_use]
    pub fn field_from(&self, from: usize, name: &str) -> Option<(usize, &Field)> {
        let (before, after) = self.fields.split_at_checked(from)?;
        let mut around = (from..).zip(after).chain((0..).zip(before));
        around.find(|(_, field)| &*field.name == name)
    }

    /// The last word of the name: `Pod` of `io.k8s.api.core.v1.Pod`.
    #[must_use]
    pub fn short_name(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }
}

/// One field of a type.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The JSON name.
    pub name: Arc<str>,
    /// Whether the published definition requires it.
    pub required: bool,
    /// What the value looks like.
    pub shape: Shape,
    /// How server-side apply merges the value when it is a list.
    pub list: ListKind,
    /// How server-side apply merges the value when it is a map or an object.
    pub structure: Structure,
    /// How strategic merge patch merges the value.
    pub patch: PatchStrategy,
    /// The published default.
    pub default: Option<Box<serde_json::Value>>,
    /// Whether Go writes no zero of it: `omitempty` on what is no pointer.
    pub omits_zero: bool,
    /// What Go writes of it where it is absent.
    pub absent: Absent,
    /// The name that Go gives its type, such as `v1.PullPolicy`, where the shape does not tell.
    pub go_type: Option<Arc<str>>,
    /// How protobuf writes it; none for a field that has no place there, or that an inline message holds.
    pub proto: Option<ProtoField>,
}

impl Field {
    /// An optional field with the merge rules that hold when nothing else is said.
    #[must_use]
    pub fn new(name: &str, shape: Shape) -> Self {
        Self {
            name: name.into(),
            required: false,
            shape,
            list: ListKind::Atomic,
            structure: Structure::Granular,
            patch: PatchStrategy::default(),
            default: None,
            omits_zero: false,
            absent: Absent::Unwritten,
            go_type: None,
            proto: None,
        }
    }
}

/// What Go writes of a field that an object does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absent {
    /// Nothing: it is left out.
    #[default]
    Unwritten,
    /// `null`.
    Null,
    /// `null`, and so it is when it is an empty list or map: protobuf, in which upstream stores the object,
    /// does not tell these from absent ones.
    Nil,
    /// The zero of its type: `""`, `0`, `false`, a struct with the zeros of its fields.
    Zero,
}

/// What a value looks like in JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A string.
    String,
    /// Bytes, in base64.
    Bytes,
    /// `true` or `false`.
    Boolean,
    /// A number of 32 bits.
    Int32,
    /// A number of 64 bits.
    Int64,
    /// A floating point number.
    Double,
    /// A moment, to the second, in RFC 3339.
    Time,
    /// A moment, to the microsecond, in RFC 3339.
    MicroTime,
    /// A duration in Go's words, such as `1m30s`.
    Duration,
    /// A resource quantity, such as `100m`: a string or a number.
    Quantity,
    /// A number or a string.
    IntOrString,
    /// An object of that type.
    Object(TypeRef),
    /// A list.
    List(Box<Shape>),
    /// A map from strings.
    Map(Box<Shape>),
    /// Any JSON: raw extensions, embedded schemas, managed fields.
    Any,
}

impl Shape {
    /// The type of the object that this shape is, or that its items or values are.
    #[must_use]
    pub fn object(&self) -> Option<TypeRef> {
        match self {
            Shape::Object(of) => Some(*of),
            Shape::List(item) | Shape::Map(item) => item.object(),
            _ => None,
        }
    }
}

/// How server-side apply merges a list (`x-kubernetes-list-type`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListKind {
    /// Replaced whole.
    #[default]
    Atomic,
    /// Items are unique values.
    Set,
    /// Items are objects, told apart by these fields.
    Map {
        /// The JSON names of the key fields.
        keys: Vec<Arc<str>>,
    },
}

/// How server-side apply merges a map or an object (`x-kubernetes-map-type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Structure {
    /// Each entry has its own owners.
    #[default]
    Granular,
    /// Owned and replaced whole.
    Atomic,
}

/// How strategic merge patch merges a field (`x-kubernetes-patch-strategy`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatchStrategy {
    /// A list merges item by item.
    pub merge: bool,
    /// The field that tells a merged list's objects apart; none when items are plain values.
    pub merge_key: Option<Arc<str>>,
    /// Fields that the patch's `$retainKeys` does not name are dropped.
    pub retain_keys: bool,
    /// An object or a list is replaced whole although objects otherwise merge.
    pub replace: bool,
}

/// How protobuf writes a field. The wire kind follows from the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtoField {
    /// The field's number.
    pub tag: u32,
    /// Whether Go holds a pointer: absent and zero differ, and zero is written only when set. What is
    /// not a pointer is always written, and its zero means absent.
    pub pointer: bool,
    /// How a value becomes the message that protobuf has for it.
    pub form: Form,
}

/// Messages that JSON shows as something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As the shape says.
    #[default]
    Plain,
    /// A list of strings inside a message of its own, as `verbs` of an APIResource.
    Wrapped,
    /// One schema, or a list of schemas: `JSONSchemaPropsOrArray`.
    SchemaOrArray(TypeRef),
    /// A schema or a boolean: `JSONSchemaPropsOrBool`.
    SchemaOrBool(TypeRef),
    /// A schema or a list of strings: `JSONSchemaPropsOrStringArray`.
    SchemaOrStrings(TypeRef),
}

/// A message that protobuf nests and JSON does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inline {
    /// The field's number.
    pub tag: u32,
    /// The message, whose fields JSON lists beside the outer type's own.
    pub of: TypeRef,
}
