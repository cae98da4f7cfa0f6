//! The documents about discovery itself: `api`, `apis`, each group, `version`, and the issuer of tokens.

use crate::resources::{Resources, api_version};
use api::openapi::Dialect;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// A path that answers one kind of document.
struct Root {
    path: String,
    description: &'static str,
    operation: String,
    tag: String,
    /// The type that is answered; none: text.
    answer: Option<String>,
    produces: &'static [&'static str],
}

const OBJECTS: &[&str] = &[
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];

/// What is published about the issuer of service-account tokens.
const ISSUER: [&str; 2] = [".well-known/openid-configuration", "openid/v1/jwks"];

fn issuer(name: &str) -> Option<Root> {
    let (description, operation, tag, produces): (_, _, _, &[_]) = match name {
        ".well-known/openid-configuration" => (
            "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
            "getServiceAccountIssuerOpenIDConfiguration",
            "WellKnown",
            &["application/json"],
        ),
        "openid/v1/jwks" => (
            "get service account issuer OpenID JSON Web Key Set (contains public token verification keys)",
            "getServiceAccountIssuerOpenIDKeyset",
            "openid",
            &["application/jwk-set+json"],
        ),
        _ => return None,
    };
    Some(Root {
        path: format!("/{name}/"),
        description,
        operation: operation.to_owned(),
        tag: tag.to_owned(),
        answer: None,
        produces,
    })
}

/// `Status` of `status`.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// `Apps` of `apps`, `FlowcontrolApiserver` of `flowcontrol.apiserver.k8s.io`.
fn title(group: &str) -> String {
    let group = group.strip_suffix(".k8s.io").unwrap_or(group);
    let group = if group.is_empty() { "core" } else { group };
    group.split('.').map(capital).collect()
}

/// `AppsV1`, as it stands in the names of operations.
pub(super) fn title_of_version(group: &str, version: &str) -> String {
    format!("{}{}", title(group), capital(version))
}

fn tag(group: &str) -> String {
    let name = title(group);
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// `apps_v1`.
pub(super) fn tag_of_version(group: &str, version: &str) -> String {
    format!("{}_{version}", tag(group))
}

fn root(name: &str) -> Option<Root> {
    let (description, operation, tag, answer) = match name {
        "api" => (
            "get available API versions",
            "getCoreAPIVersions".to_owned(),
            "core".to_owned(),
            "APIVersions",
        ),
        "apis" => (
            "get available API versions",
            "getAPIVersions".to_owned(),
            "apis".to_owned(),
            "APIGroupList",
        ),
        "version" => {
            return Some(Root {
                path: "/version/".to_owned(),
                description: "get the version information for this server",
                operation: "getCodeVersion".to_owned(),
                tag: "version".to_owned(),
                answer: Some("io.k8s.apimachinery.pkg.version.Info".to_owned()),
                produces: OBJECTS,
            });
        }
        name if ISSUER.contains(&name) => return issuer(name),
        name => {
            let group = name
                .strip_prefix("apis/")
                .filter(|rest| !rest.contains('/'))?;
            (
                "get information of a group",
                format!("get{}APIGroup", title(group)),
                tag(group),
                "APIGroup",
            )
        }
    };
    Some(Root {
        path: format!("/{name}/"),
        description,
        operation,
        tag,
        answer: Some(format!("{META}.{answer}")),
        produces: OBJECTS,
    })
}

/// The path that lists a group version's resources.
fn resources(group: &str, version: &str) -> Root {
    let root = if group.is_empty() { "api" } else { "apis" };
    Root {
        path: format!("/{root}/{}/", api_version(group, version)),
        description: "get available resources",
        operation: format!("get{}APIResources", title_of_version(group, version)),
        tag: tag_of_version(group, version),
        answer: Some(format!("{META}.APIResourceList")),
        produces: OBJECTS,
    }
}

impl Root {
    fn entry(self, dialect: Dialect) -> (String, Value) {
        let mut operation = json!({
            "description": self.description,
            "operationId": self.operation,
            "tags": [self.tag],
        });
        let schema = match &self.answer {
            Some(of) => dialect.reference(of),
            None => json!({ "type": "string" }),
        };
        let ok = match dialect {
            Dialect::V3 => {
                let content = self.produces.iter();
                let content = content.map(|of| ((*of).to_owned(), json!({ "schema": schema })));
                json!({ "description": "OK", "content": Map::from_iter(content) })
            }
            Dialect::V2 => {
                if self.answer.is_some() {
                    operation["consumes"] = json!(self.produces);
                }
                operation["produces"] = json!(self.produces);
                operation["schemes"] = json!(["https"]);
                json!({ "description": "OK", "schema": schema })
            }
        };
        operation["responses"] = json!({ "200": ok, "401": { "description": "Unauthorized" } });
        (self.path, json!({ "get": operation }))
    }
}

/// Names of these documents.
pub(super) fn names(served: &Resources) -> Vec<String> {
    let mut names = vec!["api".to_owned(), "apis".to_owned(), "version".to_owned()];
    names.extend(ISSUER.map(str::to_owned));
    for resource in served.all().iter().filter(|it| !it.group().is_empty()) {
        let name = format!("apis/{}", resource.group());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The path of one of these documents, and the type that it answers, if it is one.
pub(super) fn document(name: &str) -> Option<((String, Value), Option<String>)> {
    let root = root(name)?;
    let answer = root.answer.clone();
    Some((root.entry(Dialect::V3), answer))
}

/// The discovery path of a group version.
pub(super) fn of_version(group: &str, version: &str, dialect: Dialect) -> (String, Value) {
    resources(group, version).entry(dialect)
}

/// Every discovery path, for the document that has them all, and the types that they answer.
pub(super) fn all(served: &Resources) -> (Vec<(String, Value)>, Vec<String>) {
    let roots: Vec<Root> = names(served).iter().filter_map(|name| root(name)).collect();
    let answers = roots
        .iter()
        .filter_map(|root| root.answer.clone())
        .collect();
    let versions = served.all().iter().map(|it| (it.group(), it.version()));
    let versions: BTreeSet<_> = versions.collect();
    let lists = versions
        .into_iter()
        .map(|(group, version)| resources(group, version));
    let all = roots.into_iter().chain(lists);
    (all.map(|root| root.entry(Dialect::V2)).collect(), answers)
}
