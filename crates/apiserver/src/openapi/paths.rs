//! The operations of every resource, as both OpenAPI dialects write them. Clients read three things
//! here: which parameters an operation takes, which kind it is about, and what it does.

use super::parameters::{self, Parameters};
use crate::resources::{Resource, Resources};
use kinds::{Subresource, SubresourceKind};
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
    let known = Parameters::load();
    for resource in resources.all() {
        if only.is_some_and(|(group, version)| {
            (group, version) != (resource.group(), resource.version())
        }) {
            continue;
        }
        let writer = Writer {
            resource,
            dialect,
            known: &known,
        };
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
    known: &'a Parameters,
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
            "If 'true', then the output is pretty printed. Defaults to 'false' unless the user-agent indicates a browser or command-line HTTP tool (curl and wget).",
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
        let connects = sub.is_some_and(|sub| sub.serves == SubresourceKind::Connect);
        let action = match verb {
            _ if connects => "connect",
            "create" => "post",
            "update" => "put",
            other => other,
        };
        let options = match (connects, verb) {
            (true, _) => vec![format!("io.k8s.api.core.v1.{kind}")],
            (false, verb) => parameters::options(verb),
        };
        let mut parameters: Vec<Value> = self
            .known
            .of(&options)
            .iter()
            .map(|(name, of, text)| self.parameter(name, "query", of, text))
            .collect();
        let listed = matches!(verb, "list").then(|| format!("{kind}List"));
        let answer = self.schema(group, version, listed.as_deref().unwrap_or(kind));
        let mut operation = json!({
            "description": description(resource, verb, sub),
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": { "group": group, "version": version, "kind": kind },
            "operationId": operation_id(resource, verb, sub),
            "tags": [tag(resource)],
        });
        let body = match verb {
            _ if connects => None,
            "delete" | "deletecollection" => Some(self.schema("", "v1", "DeleteOptions")),
            "create" | "update" => Some(self.schema(group, version, kind)),
            "patch" => Some(json!({ "type": "object" })),
            _ => None,
        };
        self.exchange(
            &mut operation,
            &mut parameters,
            verb,
            connects,
            &answer,
            body,
        );
        operation["parameters"] = parameters.into();
        operation
    }

    /// What goes in and comes out, as the dialect writes it.
    fn exchange(
        &self,
        operation: &mut Value,
        parameters: &mut Vec<Value>,
        verb: &str,
        connects: bool,
        answer: &Value,
        body: Option<Value>,
    ) {
        // Only a deletion's options may be left out.
        let required = !verb.starts_with("delete");
        match self.dialect {
            Dialect::V3 => {
                let produced = answer_content(verb, connects, answer);
                operation["responses"] = responses(
                    verb,
                    |words| json!({ "description": words, "content": produced }),
                );
                if let Some(schema) = body {
                    operation["requestBody"] =
                        json!({ "required": required, "content": content(verb, &schema) });
                }
            }
            Dialect::V2 => {
                operation["responses"] = responses(
                    verb,
                    |words| json!({ "description": words, "schema": answer }),
                );
                operation["consumes"] = match verb {
                    "patch" => content(verb, &Value::Null)
                        .as_object()
                        .map(|it| it.keys().cloned().collect())
                        .unwrap_or_default(),
                    _ => json!(["*/*"]),
                };
                operation["produces"] = answer_content(verb, connects, &Value::Null)
                    .as_object()
                    .map(|it| it.keys().cloned().collect())
                    .unwrap_or_default();
                if let Some(schema) = body {
                    parameters.push(
                        json!({ "name": "body", "in": "body", "required": required, "schema": schema }),
                    );
                }
            }
        }
    }

    fn schema(&self, group: &str, version: &str, kind: &str) -> Value {
        let builtin = api::schema::builtin();
        let current = builtin.kind(group, version, kind).map(|of| builtin.get(of));
        // The second dialect has one list of definitions, which holds current types only.
        let older = || {
            let older = kinds::find_older(&crate::resources::api_version(group, version), kind)?;
            let (schemas, of) = older.schema()?;
            (self.dialect == Dialect::V3).then(|| schemas.get(of))
        };
        let Some(of) = current.or_else(older) else {
            return json!({ "type": "object" });
        };
        let root = match self.dialect {
            Dialect::V2 => "#/definitions",
            Dialect::V3 => "#/components/schemas",
        };
        json!({ "$ref": format!("{root}/{}", of.name) })
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

/// What may be answered, by status. A client without credentials is told so everywhere.
fn responses(verb: &str, answer: impl Fn(&str) -> Value) -> Value {
    let codes: &[(&str, &str)] = match verb {
        "create" => &[("200", "OK"), ("201", "Created"), ("202", "Accepted")],
        "update" | "patch" => &[("200", "OK"), ("201", "Created")],
        "delete" => &[("200", "OK"), ("202", "Accepted")],
        _ => &[("200", "OK")],
    };
    let mut responses: Map<String, Value> = codes
        .iter()
        .map(|(code, words)| ((*code).to_owned(), answer(words)))
        .collect();
    responses.insert("401".to_owned(), json!({ "description": "Unauthorized" }));
    responses.into()
}

/// The media types of an answer.
fn answer_content(verb: &str, connects: bool, schema: &Value) -> Value {
    let types: &[&str] = match verb {
        _ if connects => return json!({ "*/*": { "schema": { "type": "string" } } }),
        "list" => &[
            "application/json",
            "application/json;stream=watch",
            "application/vnd.kubernetes.protobuf",
            "application/vnd.kubernetes.protobuf;stream=watch",
            "application/yaml",
        ],
        _ => &[
            "application/json",
            "application/vnd.kubernetes.protobuf",
            "application/yaml",
        ],
    };
    let content = types
        .iter()
        .map(|of| ((*of).to_owned(), json!({ "schema": schema })));
    Value::Object(content.collect())
}

/// What an operation does, in upstream's words.
fn description(resource: &Resource, verb: &str, sub: Option<&Subresource>) -> String {
    let kind = resource.kind();
    match (sub, verb) {
        (Some(sub), verb) if sub.serves == SubresourceKind::Connect => {
            let method = match verb {
                "create" => "POST",
                "update" => "PUT",
                "patch" => "PATCH",
                "delete" => "DELETE",
                _ => "GET",
            };
            format!("connect {method} requests to {} of {kind}", sub.name)
        }
        (Some(sub), "get") => format!("read {} of the specified {kind}", sub.name),
        (Some(sub), "update") => format!("replace {} of the specified {kind}", sub.name),
        (Some(sub), "patch") => format!("partially update {} of the specified {kind}", sub.name),
        (Some(sub), _) => format!("create {} of a {kind}", sub.name),
        (None, "list") => format!("list or watch objects of kind {kind}"),
        (None, "get") => format!("read the specified {kind}"),
        (None, "create") => format!("create a {kind}"),
        (None, "update") => format!("replace the specified {kind}"),
        (None, "patch") => format!("partially update the specified {kind}"),
        (None, "deletecollection") => format!("delete collection of {kind}"),
        (None, _) => format!("delete a {kind}"),
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
