//! The types of older versions. Those that upstream still publishes are in the built-in arena; the others are
//! the current ones, changed where a field has moved, and made when first asked for. Their numbers in
//! protobuf are not published any more.

use super::{Older, older};
use api::schema::{self, Field, Schemas, Shape, Type, TypeRef};
use std::sync::LazyLock;

static ALL: LazyLock<Schemas> = LazyLock::new(|| {
    let builtin = schema::builtin();
    let mut all = Schemas::new();
    for it in older().filter(|it| published(it).is_none()) {
        let (group, version) = it.current;
        let Some(current) = builtin.kind(group, version, it.kind) else {
            continue;
        };
        let current = all.import(builtin, current);
        let of = (it.shape.schema)(&mut all, current);
        all.set_kind(it.group, it.version, it.kind, of);
    }
    all
});

fn published(of: &Older) -> Option<TypeRef> {
    schema::builtin().kind(of.group, of.version, of.kind)
}

/// The type of an older version, and its arena.
pub(super) fn of(older: &Older) -> Option<(&'static Schemas, TypeRef)> {
    match published(older) {
        Some(of) => Some((schema::builtin(), of)),
        None => Some((&ALL, ALL.kind(older.group, older.version, older.kind)?)),
    }
}

/// A copy of a type in which the type at the end of a path of fields is changed.
pub(super) fn fork(
    schemas: &mut Schemas,
    of: TypeRef,
    path: &[&str],
    edit: &dyn Fn(&mut Type),
) -> TypeRef {
    let mut copy = schemas.get(of).clone();
    match path {
        [] => edit(&mut copy),
        [first, rest @ ..] => {
            let at = copy.fields.iter().position(|field| *field.name == **first);
            let inner = at.and_then(|at| copy.fields[at].shape.object());
            // Invariant: paths name fields of the current types; a test forks every one.
            debug_assert!(inner.is_some(), "{} has no {first}", copy.name);
            if let (Some(at), Some(inner)) = (at, inner) {
                let forked = fork(schemas, inner, rest, edit);
                aim(&mut copy.fields[at].shape, forked);
            }
        }
    }
    copy.name = copy.name.replace(".v1.", ".older.").into();
    schemas.push(copy)
}

fn aim(shape: &mut Shape, to: TypeRef) {
    match shape {
        Shape::Object(of) => *of = to,
        Shape::List(item) | Shape::Map(item) => aim(item, to),
        _ => {}
    }
}

/// Adds a field.
pub(super) fn add(of: &mut Type, name: &str, shape: Shape) {
    of.fields.push(Field::new(name, shape));
}

/// Takes fields away.
pub(super) fn drop(of: &mut Type, names: &[&str]) {
    of.fields.retain(|field| !names.contains(&&*field.name));
}

/// Gives a field another name.
pub(super) fn rename(of: &mut Type, from: &str, to: &str) {
    for field in of.fields.iter_mut().filter(|field| *field.name == *from) {
        field.name = to.into();
    }
}

/// A type of this arena by its published name.
pub(super) fn named(schemas: &mut Schemas, name: &str) -> Option<TypeRef> {
    let builtin = schema::builtin();
    Some(schemas.import(builtin, builtin.named(name)?))
}
