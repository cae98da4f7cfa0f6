//! Parameters that many operations take, written once: `#/parameters/limit-1NfNmdNH` of version 2.
//!
//! Upstream: `parameters.go` of kube-openapi's builder, whose names these are.

use base64::{Engine, engine::general_purpose::URL_SAFE};
use serde_json::{Map, Value, json};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

/// The parameters that were met so far, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Rc<RefCell<BTreeMap<String, Value>>>);

impl Shared {
    /// The path with references in place of its parameters, and those of its operations.
    pub(super) fn replace(&self, mut path: Value) -> Value {
        if let Value::Object(items) = &mut path {
            self.replace_in(items);
            let operations = items.values_mut().filter_map(Value::as_object_mut);
            operations.for_each(|operation| self.replace_in(operation));
        }
        path
    }

    fn replace_in(&self, item: &mut Map<String, Value>) {
        let parameters = item.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            if !is_shared(parameter) {
                continue;
            }
            let name = name(parameter);
            let reference = json!({ "$ref": format!("#/parameters/{name}") });
            let whole = std::mem::replace(parameter, reference);
            self.0.borrow_mut().insert(name, whole);
        }
    }

    /// What the references refer to; asked for when every path has been written.
    pub(super) fn definitions(self) -> impl Iterator<Item = (String, Value)> {
        std::iter::once_with(move || self.0.take()).flatten()
    }
}

/// Whether a parameter is the same wherever it stands. Old clients look for two others in operations.
fn is_shared(parameter: &Value) -> bool {
    match (parameter["in"].as_str(), parameter["name"].as_str()) {
        (Some("query" | "path"), Some("name")) => false,
        (Some("query"), Some("fieldValidation" | "dryRun")) => false,
        (Some("body"), _) => parameter["schema"]["$ref"]
            .as_str()
            .is_some_and(|of| of.starts_with("#/definitions/io.k8s.apimachinery")),
        _ => true,
    }
}

/// The keywords of a parameter, as upstream orders them.
const KEYWORDS: [&str; 7] = [
    "uniqueItems",
    "type",
    "description",
    "name",
    "in",
    "required",
    "schema",
];

/// The parameter's name and a hash of its JSON, as Go writes that.
fn name(parameter: &Value) -> String {
    let written = KEYWORDS.iter().filter_map(|keyword| {
        let value = parameter.get(keyword)?.to_string();
        let value = value.replace('<', "\\u003c").replace('>', "\\u003e");
        Some(format!("\"{keyword}\":{}", value.replace('&', "\\u0026")))
    });
    let json = format!("{{{}}}", written.collect::<Vec<_>>().join(","));
    // FNV-1 of 64 bits.
    let hash = json.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
    });
    let hash = URL_SAFE.encode(&hash.to_be_bytes()[..6]);
    format!("{}-{hash}", parameter["name"].as_str().unwrap_or("param"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_named_as_upstreams_and_kept_once() {
        let namespace = json!({"name": "namespace", "in": "path", "required": true, "type": "string",
            "uniqueItems": true,
            "description": "object name and auth scope, such as for teams and projects"});
        let body = |of: &str| {
            json!({"name": "body", "in": "body",
            "schema": {"$ref": format!("#/definitions/io.k8s.{of}")}})
        };
        let shared = Shared::default();
        let options = body("apimachinery.pkg.apis.meta.v1.DeleteOptions");
        let own = [
            body("api.core.v1.Pod"),
            json!({"name": "dryRun", "in": "query"}),
        ];
        let path = json!({
            "parameters": [namespace],
            "delete": {"operationId": "d", "parameters": [options]},
            "post": {"parameters": own},
        });
        let reference = |name: &str| json!([{ "$ref": format!("#/parameters/{name}") }]);
        let expected = json!({
            "parameters": reference("namespace-vgWSWtn3"),
            "delete": {"operationId": "d", "parameters": reference("body-2Y1dVQaQ")},
            "post": {"parameters": own},
        });
        for _ in 0..2 {
            assert_eq!(shared.replace(path.clone()), expected);
        }
        let found: Vec<_> = shared.definitions().collect();
        let expected = [
            ("body-2Y1dVQaQ".to_owned(), options),
            ("namespace-vgWSWtn3".to_owned(), namespace),
        ];
        assert_eq!(found, expected);
    }
}
