//! One operation: what it is called, what goes in, what comes out.

use super::{Place, Writer};
use crate::openapi::{parameters, roots};
use api::openapi::Dialect;
use kinds::{Subresource, SubresourceKind};
use serde_json::{Map, Value, json};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const PRETTY: &str = "If 'true', then the output is pretty printed. Defaults to 'false' unless the user-agent indicates a browser or command-line HTTP tool (curl and wget).";
const NAMESPACE: &str = "object name and auth scope, such as for teams and projects";

const ANY: &[&str] = &["*/*"];
const OBJECTS: &[&str] = &[
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];
const STREAMS: &[&str] = &[
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
];
const LOGS: &[&str] = &[
    "text/plain",
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];
const PATCHES: &[&str] = &[
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// What an operation is about, as clients tell them apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Objects.
    Plain,
    /// Text that is read.
    Log,
    /// A stream, or a request passed on.
    Connect,
}

pub(super) struct Operation<'w> {
    pub(super) writer: &'w Writer<'w>,
    pub(super) place: &'w Place<'w>,
    pub(super) method: &'static str,
    pub(super) verb: &'static str,
    pub(super) sub: Option<&'w Subresource>,
}

impl Operation<'_> {
    /// The operation, and its parameters apart.
    pub(super) fn write(&self) -> (Value, Vec<Value>) {
        let resource = self.writer.resource;
        let (group, version) = match self.sub {
            Some(sub) => resource.exchanged(sub),
            None => (resource.group(), resource.version()),
        };
        let kind = self.kind();
        let mut operation = json!({
            "description": self.description(),
            "operationId": self.id(),
            "tags": [roots::tag_of_version(resource.group(), resource.version())],
            "x-kubernetes-action": self.action(),
            "x-kubernetes-group-version-kind": { "group": group, "version": version, "kind": kind },
        });
        let answer = match (self.style(), self.verb) {
            (Style::Log | Style::Connect, _) => json!({ "type": "string" }),
            (_, "watch" | "watchlist") => self.shared("WatchEvent"),
            (_, "deletecollection") => self.shared("Status"),
            (_, "delete") if !resource.names.returns_deleted => self.shared("Status"),
            (_, "list") => self.schema(group, version, &format!("{kind}List")),
            _ => self.schema(group, version, kind),
        };
        let body = match (self.style(), self.verb) {
            (Style::Connect, _) => None,
            (_, "delete" | "deletecollection") => Some(self.shared("DeleteOptions")),
            (_, "create" | "update") => Some(self.schema(group, version, kind)),
            (_, "patch") => Some(self.shared("Patch")),
            _ => None,
        };
        let mut parameters = self.parameters();
        self.exchange(&mut operation, &mut parameters, &answer, body);
        parameters.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
        (operation, parameters)
    }

    /// The kind that is exchanged; that of a stream says what may be asked.
    fn kind(&self) -> &str {
        let own = self.writer.resource.kind();
        self.sub.map_or(own, |sub| sub.kind)
    }

    fn style(&self) -> Style {
        match self.sub {
            Some(sub) if sub.serves != SubresourceKind::Connect => Style::Plain,
            Some(sub) if sub.kind == self.writer.resource.kind() => Style::Log,
            Some(_) => Style::Connect,
            None => Style::Plain,
        }
    }

    fn action(&self) -> &str {
        match self.verb {
            _ if self.style() == Style::Connect => "connect",
            "create" => "post",
            "update" => "put",
            other => other,
        }
    }

    fn id(&self) -> String {
        let resource = self.writer.resource;
        let verb = match self.verb {
            _ if self.style() == Style::Connect => "connect",
            "get" => "read",
            "update" => "replace",
            "deletecollection" => "delete",
            "watchlist" => "watch",
            other => other,
        };
        let method = match (self.style(), self.verb) {
            (Style::Connect, _) => roots::capital(self.method),
            (_, "deletecollection") => "Collection".to_owned(),
            _ => String::new(),
        };
        let everywhere = resource.namespaced() && !self.place.namespaced;
        let scope = if self.place.namespaced {
            "Namespaced"
        } else {
            ""
        };
        let suffix = [
            (self.verb == "watchlist", "List"),
            (everywhere, "ForAllNamespaces"),
            (self.place.onward, "WithPath"),
        ];
        let suffix = suffix.iter().filter(|(holds, _)| *holds);
        format!(
            "{verb}{}{method}{scope}{}{}{}",
            roots::title_of_version(resource.group(), resource.version()),
            resource.kind(),
            self.sub
                .map(|it| roots::capital(it.name))
                .unwrap_or_default(),
            suffix.map(|(_, word)| *word).collect::<String>(),
        )
    }

    /// What it does, in upstream's words.
    fn description(&self) -> String {
        let kind = self.writer.resource.kind();
        // `status of `, before the kind and after its article.
        let of = self.sub.map(|sub| format!("{} of ", sub.name));
        let of = of.unwrap_or_default();
        let lists = if self.writer.resource.names.verbs.contains(&"watch") {
            "list or watch"
        } else {
            "list"
        };
        match self.verb {
            _ if self.style() == Style::Connect => {
                let method = self.method.to_ascii_uppercase();
                format!("connect {method} requests to {of}{kind}")
            }
            "list" => format!("{lists} objects of kind {kind}"),
            "get" => format!("read {of}the specified {kind}"),
            "update" => format!("replace {of}the specified {kind}"),
            "patch" => format!("partially update {of}the specified {kind}"),
            "create" => format!("create {of}{}", with_article(kind)),
            "deletecollection" => format!("delete collection of {kind}"),
            "watchlist" => format!(
                "watch individual changes to a list of {kind}. deprecated: use the 'watch' parameter with a list operation instead."
            ),
            "watch" => format!(
                "watch changes to an object of kind {kind}. deprecated: use the 'watch' parameter with a list operation instead, filtered to a single item with the 'fieldSelector' parameter."
            ),
            _ => format!("delete {of}{}", with_article(kind)),
        }
    }

    fn parameters(&self) -> Vec<Value> {
        let core = |kind: &str| vec![format!("io.k8s.api.core.v1.{kind}")];
        let options = match (self.style(), self.sub) {
            (Style::Connect, _) => core(self.kind()),
            (Style::Log, Some(sub)) => {
                core(&format!("{}{}Options", sub.kind, roots::capital(sub.name)))
            }
            _ => parameters::options(self.verb),
        };
        let mut all: Vec<Value> = parameters::of(self.writer.words, &options)
            .into_iter()
            .filter(|(name, ..)| {
                // A collection is not watched while it is deleted.
                self.verb != "deletecollection"
                    || !["watch", "allowWatchBookmarks"].contains(&name.as_str())
            })
            .map(|(name, of, text)| self.parameter(&name, "query", of, &text))
            .collect();
        if self.style() != Style::Connect {
            all.push(self.parameter("pretty", "query", "string", PRETTY));
        }
        if let Some(kind) = self.place.named {
            all.push(self.parameter("name", "path", "string", &format!("name of the {kind}")));
        }
        if self.place.namespaced {
            all.push(self.parameter("namespace", "path", "string", NAMESPACE));
        }
        if self.place.onward {
            all.push(self.parameter("path", "path", "string", "path to the resource"));
        }
        all
    }

    fn parameter(&self, name: &str, place: &str, of: &str, text: &str) -> Value {
        let mut parameter = json!({ "name": name, "in": place });
        if !text.is_empty() {
            parameter["description"] = text.into();
        }
        if place == "path" {
            parameter["required"] = true.into();
        }
        match self.writer.dialect {
            Dialect::V2 => {
                parameter["type"] = of.into();
                parameter["uniqueItems"] = true.into();
            }
            Dialect::V3 => parameter["schema"] = json!({ "type": of, "uniqueItems": true }),
        }
        parameter
    }

    /// What goes in and comes out, as the dialect writes it.
    fn exchange(
        &self,
        operation: &mut Value,
        parameters: &mut Vec<Value>,
        answer: &Value,
        body: Option<Value>,
    ) {
        // Only a deletion's options may be left out.
        let required = !self.verb.starts_with("delete");
        let consumes = match self.verb {
            "patch" if self.style() == Style::Plain => PATCHES,
            _ => ANY,
        };
        let produces = match (self.style(), self.verb) {
            (Style::Connect, _) => ANY,
            (Style::Log, _) => LOGS,
            (_, "list" | "watch" | "watchlist") => STREAMS,
            _ => OBJECTS,
        };
        match self.writer.dialect {
            Dialect::V3 => {
                let produced = content(produces, answer);
                operation["responses"] =
                    self.responses(|words| json!({ "description": words, "content": produced }));
                if let Some(mut schema) = body.map(|schema| content(consumes, &schema)) {
                    schema = json!({ "content": schema });
                    if required {
                        schema["required"] = true.into();
                    }
                    operation["requestBody"] = schema;
                }
            }
            Dialect::V2 => {
                operation["responses"] =
                    self.responses(|words| json!({ "description": words, "schema": answer }));
                operation["consumes"] = json!(consumes);
                operation["produces"] = json!(produces);
                operation["schemes"] = json!(["https"]);
                if let Some(schema) = body {
                    let mut body = json!({ "name": "body", "in": "body", "schema": schema });
                    if required {
                        body["required"] = true.into();
                    }
                    parameters.push(body);
                }
            }
        }
    }

    /// What may be answered, by status. A client without credentials is told so everywhere.
    fn responses(&self, answer: impl Fn(&str) -> Value) -> Value {
        let (ok, created, accepted) = (("200", "OK"), ("201", "Created"), ("202", "Accepted"));
        let codes = match self.verb {
            _ if self.style() == Style::Connect => vec![ok],
            "create" => vec![ok, created, accepted],
            "update" | "patch" => vec![ok, created],
            "delete" => vec![ok, accepted],
            _ => vec![ok],
        };
        let codes = codes.into_iter();
        let codes = codes.map(|(code, words)| (code.to_owned(), answer(words)));
        let denied = json!({ "description": "Unauthorized" });
        Value::Object(codes.chain([("401".to_owned(), denied)]).collect())
    }

    fn shared(&self, kind: &str) -> Value {
        self.writer.dialect.reference(&format!("{META}.{kind}"))
    }

    fn schema(&self, group: &str, version: &str, kind: &str) -> Value {
        let builtin = api::schema::builtin();
        match builtin.kind(group, version, kind) {
            Some(of) => self.writer.dialect.reference(&builtin.get(of).name),
            None => json!({ "type": "object" }),
        }
    }
}

fn content(types: &[&str], schema: &Value) -> Value {
    let content = types.iter();
    let content = content.map(|of| ((*of).to_owned(), json!({ "schema": schema })));
    Value::Object(Map::from_iter(content))
}

/// `a Pod`, `an Event`; plural names have no article.
fn with_article(kind: &str) -> String {
    if kind.ends_with('s') && !kind.ends_with("ss") {
        return kind.to_owned();
    }
    let article = match kind.chars().next() {
        Some('A' | 'E' | 'I' | 'O' | 'U') => "an",
        _ => "a",
    };
    format!("{article} {kind}")
}
