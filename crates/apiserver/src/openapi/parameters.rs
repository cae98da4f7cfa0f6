//! The query parameters of each verb: the fields of the option types, with their published words.

use api::schema::{Field, Shape, builtin, descriptions::Descriptions};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// Name, type, help.
pub(super) type Parameter = (String, &'static str, String);

/// The option types whose fields a verb takes in its query.
pub(super) fn options(verb: &str) -> Vec<String> {
    let kinds: &[&str] = match verb {
        "create" => &["CreateOptions"],
        "update" => &["UpdateOptions"],
        "patch" => &["PatchOptions"],
        "delete" => &["DeleteOptions"],
        "list" | "watch" | "watchlist" => &["ListOptions"],
        "deletecollection" => &["DeleteOptions", "ListOptions"],
        _ => &[],
    };
    kinds.iter().map(|kind| format!("{META}.{kind}")).collect()
}

/// The fields of these types, each name once.
pub(super) fn of(words: &Descriptions, types: &[String]) -> Vec<Parameter> {
    let schemas = builtin();
    let mut found: Vec<Parameter> = Vec::new();
    for name in types {
        let of = schemas.named(name).map(|of| schemas.get(of));
        for field in of.map_or(&[][..], |of| &of.fields) {
            let known = found.iter().any(|(own, ..)| **own == *field.name);
            if let Some(kind) = kind(field).filter(|_| !known) {
                let text = words.of_field(name, &field.name).unwrap_or_default();
                found.push((field.name.to_string(), kind, text.to_owned()));
            }
        }
    }
    found
}

/// How a field is written in a query; none when it cannot be.
fn kind(field: &Field) -> Option<&'static str> {
    field.proto?;
    match &field.shape {
        Shape::Boolean => Some("boolean"),
        Shape::Int32 | Shape::Int64 => Some("integer"),
        Shape::String | Shape::Time => Some("string"),
        Shape::List(item) if **item == Shape::String => Some("string"),
        _ => None,
    }
}
