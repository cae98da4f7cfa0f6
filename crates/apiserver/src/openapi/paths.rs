//! The operations of every resource, as both OpenAPI dialects write them. Clients read three things
//! here: which parameters an operation takes, which kind it is about, and what it does.

use super::parameters::query;
use crate::resources::{Resource, Resources};
use kinds::Subresource;
use serde_json::{Map, Value, json};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    V2,
    V3,
}

/// Paths of one group version, or of all.
pub(super) fn of(
    resources: &Resources,
    only: Option<(&str, &str)>,
    dialect: Dialect,
) -> Map<String, Value> {
    let mut paths = Map::new();
    for resource in resources.all() {
        if only.is_some_and(|(group, version)| {
            (group, version) != (resource.group(), resource.version())
        }) {
            continue;
        }
        let writer = Writer { resource, dialect };
        writer.resource(&mut paths);
    }
    paths
}

const ONE: &[(&str, &str)] = &[
    ("get", "get"),
    ("put", "update"),
    ("patch", "patch"),
    ("delete", "delete"),
];

fn serving(
    verbs: &[&str],
    of: &[(&'static str, &'static str)],
) -> Vec<(&'static str, &'static str)> {
    of.iter()
        .copied()
        .filter(|(_, verb)| verbs.contains(verb))
        .collect()
}

struct Writer<'a> {
    resource: &'a Resource,
    dialect: Dialect,
}

impl Writer<'_> {
    /// The paths of the resource: everywhere, in a namespace, one object, its subresources.
    fn resource(&self, paths: &mut Map<String, Value>) {
        let resource = self.resource;
        let root = if resource.group().is_empty() {
            "/api"
        } else {
            "/apis"
        };
        let root = format!("{root}/{}", resource.api_version());
        let plural = resource.names.plural;
        let (collection, all) = if resource.namespaced() {
            (
                format!("{root}/namespaces/{{namespace}}/{plural}"),
                Some(format!("{root}/{plural}")),
            )
        } else {
            (format!("{root}/{plural}"), None)
        };
        if let Some(all) = all.filter(|_| resource.names.verbs.contains(&"list")) {
            paths.insert(all, self.path(&[("get", "list")], None, false, false));
        }
        let many: Vec<_> = serving(
            resource.names.verbs,
            &[
                ("get", "list"),
                ("post", "create"),
                ("delete", "deletecollection"),
            ],
        );
        if !many.is_empty() {
            paths.insert(
                collection.clone(),
                self.path(&many, None, resource.namespaced(), false),
            );
        }
        let one = serving(resource.names.verbs, ONE);
        if !one.is_empty() {
            paths.insert(
                format!("{collection}/{{name}}"),
                self.path(&one, None, resource.namespaced(), true),
            );
        }
        for sub in resource.law.subresources() {
            let verbs = serving(
                sub.verbs,
                &[
                    ("get", "get"),
                    ("put", "update"),
                    ("patch", "patch"),
                    ("post", "create"),
                    ("delete", "delete"),
                ],
            );
            let path = format!("{collection}/{{name}}/{}", sub.name);
            paths.insert(
                path,
                self.path(&verbs, Some(sub), resource.namespaced(), true),
            );
        }
    }

    fn path(
        &self,
        operations: &[(&str, &str)],
        sub: Option<&Subresource>,
        namespace: bool,
        name: bool,
    ) -> Value {
        let mut path = Map::new();
        for (method, verb) in operations {
            path.insert((*method).to_owned(), self.operation(verb, sub));
        }
        let mut parameters = Vec::new();
        if name {
            parameters.push(self.parameter("name", "path", "string", "name of the object"));
        }
        if namespace {
            parameters.push(self.parameter(
                "namespace",
                "path",
                "string",
                "object name and auth scope, such as for teams and projects",
            ));
        }
        parameters.push(self.parameter(
            "pretty",
            "query",
            "string",
            "If 'true', then the output is pretty printed.",
        ));
        path.insert("parameters".to_owned(), parameters.into());
        path.into()
    }

    fn operation(&self, verb: &str, sub: Option<&Subresource>) -> Value {
        let resource = self.resource;
        let (group, version, kind) = match sub {
            Some(sub) if !sub.version.is_empty() => (sub.group, sub.version, sub.kind),
            Some(sub) => (resource.group(), resource.version(), sub.kind),
            None => (resource.group(), resource.version(), resource.kind()),
        };
        let action = match verb {
            "create" => "post",
            "update" => "put",
            other => other,
        };
        let mut parameters: Vec<Value> = query(verb)
            .iter()
            .map(|(name, of, text)| self.parameter(name, "query", of, text))
            .collect();
        let listed = matches!(verb, "list").then(|| format!("{kind}List"));
        let answer = self.schema(group, version, listed.as_deref().unwrap_or(kind));
        let mut operation = json!({
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": { "group": group, "version": version, "kind": kind },
            "operationId": operation_id(resource, verb, sub),
            "tags": [tag(resource)],
        });
        let body = match verb {
            "create" | "update" => Some(self.schema(group, version, kind)),
            "patch" => Some(json!({ "type": "object" })),
            _ => None,
        };
        match self.dialect {
            Dialect::V3 => {
                operation["responses"] = json!({ "200": { "description": "OK", "content": { "application/json": { "schema": answer } } } });
                if let Some(schema) = body {
                    operation["requestBody"] =
                        json!({ "required": true, "content": content(verb, &schema) });
                }
            }
            Dialect::V2 => {
                operation["responses"] =
                    json!({ "200": { "description": "OK", "schema": answer } });
                if let Some(schema) = body {
                    parameters.push(
                        json!({ "name": "body", "in": "body", "required": true, "schema": schema }),
                    );
                }
            }
        }
        operation["parameters"] = parameters.into();
        operation
    }

    fn schema(&self, group: &str, version: &str, kind: &str) -> Value {
        let schemas = api::schema::builtin();
        let Some(of) = schemas.kind(group, version, kind) else {
            return json!({ "type": "object" });
        };
        let root = match self.dialect {
            Dialect::V2 => "#/definitions",
            Dialect::V3 => "#/components/schemas",
        };
        json!({ "$ref": format!("{root}/{}", schemas.get(of).name) })
    }

    fn parameter(&self, name: &str, place: &str, of: &str, text: &str) -> Value {
        let mut parameter = json!({ "name": name, "in": place, "description": text });
        if place == "path" {
            parameter["required"] = true.into();
        }
        match self.dialect {
            Dialect::V2 => parameter["type"] = of.into(),
            Dialect::V3 => parameter["schema"] = json!({ "type": of }),
        }
        parameter["uniqueItems"] = true.into();
        if self.dialect == Dialect::V3
            && let Some(map) = parameter.as_object_mut()
        {
            map.remove("uniqueItems");
        }
        parameter
    }
}

fn content(verb: &str, schema: &Value) -> Value {
    let types: &[&str] = match verb {
        "patch" => &[
            "application/apply-patch+yaml",
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/strategic-merge-patch+json",
        ],
        _ => &[
            "application/json",
            "application/yaml",
            "application/vnd.kubernetes.protobuf",
        ],
    };
    let content: Map<String, Value> = types
        .iter()
        .map(|it| ((*it).to_owned(), json!({ "schema": schema })))
        .collect();
    content.into()
}

fn tag(resource: &Resource) -> String {
    let group = resource
        .group()
        .split('.')
        .next()
        .filter(|it| !it.is_empty())
        .unwrap_or("core");
    format!("{group}_{}", resource.version())
}

fn operation_id(resource: &Resource, verb: &str, sub: Option<&Subresource>) -> String {
    let group = resource
        .group()
        .split('.')
        .next()
        .filter(|it| !it.is_empty())
        .unwrap_or("core");
    let capital = |text: &str| {
        let mut letters = text.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect::<String>())
            .unwrap_or_default()
    };
    let verb = match verb {
        "get" => "read",
        "update" => "replace",
        "deletecollection" => "deleteCollection",
        other => other,
    };
    let scope = if resource.namespaced() {
        "Namespaced"
    } else {
        ""
    };
    let sub = sub.map(|it| capital(it.name)).unwrap_or_default();
    format!(
        "{verb}{}{}{scope}{}{sub}",
        capital(group),
        capital(resource.version()),
        resource.kind()
    )
}
