//! The operations of every resource, as both OpenAPI dialects write them. Clients read three things
//! here: which parameters an operation takes, which kind it is about, and what it does.
//!
//! Upstream: `installer.go` of its API server's endpoints, whose words these are.

mod operation;

use crate::resources::Resource;
use api::{openapi::Dialect, schema::descriptions::Descriptions};
use kinds::{Subresource, SubresourceKind};
use operation::Operation;
use serde_json::Value;

/// Where a path is, and which operations it has.
struct Place<'a> {
    path: String,
    namespaced: bool,
    /// The kind whose name is part of the path.
    named: Option<&'a str>,
    /// Whether a path of the one behind it follows.
    onward: bool,
}

/// The paths of resources, one resource after the other.
pub(super) fn of<'a>(
    resources: impl Iterator<Item = &'a Resource> + 'a,
    words: &'a Descriptions,
    dialect: Dialect,
) -> impl Iterator<Item = (String, Value)> + 'a {
    resources.flat_map(move |resource| {
        Writer {
            resource,
            dialect,
            words,
        }
        .all()
    })
}

/// Methods and the verbs that they mean.
type Methods = [(&'static str, &'static str)];

const MANY: &Methods = &[
    ("get", "list"),
    ("post", "create"),
    ("delete", "deletecollection"),
];
const ONE: &Methods = &[
    ("get", "get"),
    ("put", "update"),
    ("patch", "patch"),
    ("delete", "delete"),
];
const BELOW: &Methods = &[
    ("get", "get"),
    ("put", "update"),
    ("post", "create"),
    ("patch", "patch"),
    ("delete", "delete"),
];
/// What a proxy takes besides the methods that are verbs.
const PLAIN: &Methods = &[("head", ""), ("options", "")];

struct Writer<'a> {
    resource: &'a Resource,
    dialect: Dialect,
    words: &'a Descriptions,
}

impl<'a> Writer<'a> {
    fn all(&self) -> Vec<(String, Value)> {
        let (resource, plural) = (self.resource, self.resource.names.plural);
        let root = match resource.group() {
            "" => "/api",
            _ => "/apis",
        };
        let root = format!("{root}/{}", resource.api_version());
        let verbs = resource.names.verbs;
        let mut written = Vec::new();
        let below = if resource.namespaced() {
            if verbs.contains(&"list") {
                let everywhere = self.place(format!("{root}/{plural}"), false, None);
                written.push(self.path(&everywhere, &[("get", "list")], None));
            }
            format!("namespaces/{{namespace}}/{plural}")
        } else {
            plural.to_owned()
        };
        let path = format!("{root}/{below}");
        let one = |path: &str, kind| self.place(format!("{path}/{{name}}"), true, Some(kind));
        let many = self.place(path.clone(), true, None);
        for (place, methods) in [(many, MANY), (one(&path, resource.kind()), ONE)] {
            let methods = serving(verbs, methods);
            if !methods.is_empty() {
                written.push(self.path(&place, &methods, None));
            }
        }
        for sub in resource.law.subresources() {
            self.subresource(sub, one(&path, sub.kind), &mut written);
        }
        if verbs.contains(&"watch") {
            self.watches(&root, &below, &mut written);
        }
        written
    }

    fn place(&self, path: String, inside: bool, named: Option<&'a str>) -> Place<'a> {
        Place {
            path,
            namespaced: inside && self.resource.namespaced(),
            named,
            onward: false,
        }
    }

    fn subresource(
        &self,
        sub: &Subresource,
        mut place: Place<'a>,
        written: &mut Vec<(String, Value)>,
    ) {
        let mut methods = serving(sub.verbs, BELOW);
        place.path = format!("{}/{}", place.path, sub.name);
        let proxies = sub.serves == SubresourceKind::Connect && sub.verbs.contains(&"update");
        if proxies {
            methods.extend(PLAIN);
        }
        written.push(self.path(&place, &methods, Some(sub)));
        if proxies {
            place.path.push_str("/{path}");
            place.onward = true;
            written.push(self.path(&place, &methods, Some(sub)));
        }
    }

    /// The deprecated paths of watches.
    fn watches(&self, root: &str, below: &str, written: &mut Vec<(String, Value)>) {
        let path = |rest: &str| format!("{root}/watch/{rest}");
        if self.resource.namespaced() {
            let everywhere = self.place(path(self.resource.names.plural), false, None);
            written.push(self.path(&everywhere, &[("get", "watchlist")], None));
        }
        let many = self.place(path(below), true, None);
        written.push(self.path(&many, &[("get", "watchlist")], None));
        let kind = Some(self.resource.kind());
        let one = self.place(path(&format!("{below}/{{name}}")), true, kind);
        written.push(self.path(&one, &[("get", "watch")], None));
    }

    /// A path with its operations; parameters that all of them take belong to the path.
    fn path(
        &self,
        place: &Place<'_>,
        methods: &Methods,
        sub: Option<&Subresource>,
    ) -> (String, Value) {
        let mut operations: Vec<(&str, Value, Vec<Value>)> = Vec::new();
        for (method, verb) in methods {
            let operation = Operation {
                writer: self,
                place,
                method,
                verb,
                sub,
            };
            let (written, parameters) = operation.write();
            operations.push((method, written, parameters));
        }
        let shared: Vec<Value> = match operations.split_first() {
            Some(((.., first), rest)) => first
                .iter()
                .filter(|it| rest.iter().all(|(.., other)| other.contains(it)))
                .cloned()
                .collect(),
            None => Vec::new(),
        };
        let mut path = serde_json::Map::new();
        for (method, mut operation, mut own) in operations {
            own.retain(|it| !shared.contains(it));
            if !own.is_empty() {
                operation["parameters"] = own.into();
            }
            path.insert(method.to_owned(), operation);
        }
        if !shared.is_empty() {
            path.insert("parameters".to_owned(), shared.into());
        }
        (place.path.clone(), path.into())
    }
}

fn serving(verbs: &[&str], methods: &Methods) -> Vec<(&'static str, &'static str)> {
    let serves = |(_, verb): &&(&str, &str)| verbs.contains(verb);
    methods.iter().filter(serves).copied().collect()
}
