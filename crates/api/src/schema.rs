//! What every kind looks like: names and shapes of fields, how lists and maps merge, protobuf tags.
//!
//! One arena of types serves strict field checks, strategic merge patch, server-side apply, protobuf
//! and OpenAPI. The built-in arena is a table made by `tools/schema` from published definitions and is
//! decoded once, when first asked for; arenas for custom resources are built at run time with `push`.

mod arena;
pub mod descriptions;
mod field;
mod seen;
pub mod table;

pub use arena::{Kind, Schemas, TypeRef};
pub use field::{
    Absent, Field, Form, Inline, ListKind, PatchStrategy, ProtoField, Shape, Structure, Type,
};

pub(crate) use seen::Seen;

use std::sync::LazyLock;

static BUILTIN: LazyLock<Schemas> = LazyLock::new(|| {
    let table = include_bytes!("schema/builtin.zst");
    // Invariant: the committed table decodes; a test of this module proves it for every build.
    table::decode(table).unwrap_or_default()
});

/// The types of Kubernetes itself.
#[must_use]
pub fn builtin() -> &'static Schemas {
    &BUILTIN
}

#[cfg(test)]
mod tests;
