//! Documents in gnostic's messages, read back field by field.

use super::*;
use serde_json::json;

/// What a message says, as a reader without our encoder sees it.
fn fields(of: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut message = crate::protobuf::wire::Message(of);
    let mut found = Vec::new();
    while let Some((tag, payload)) = message.next().expect("well formed") {
        if let crate::protobuf::wire::Payload::Bytes(bytes) = payload {
            found.push((tag, bytes.to_vec()));
        }
    }
    found
}

fn at(of: &[u8], path: &[u32]) -> Vec<u8> {
    path.iter().fold(of.to_vec(), |of, tag| {
        let found = fields(&of).into_iter().find(|(own, _)| own == tag);
        found
            .unwrap_or_else(|| panic!("no field {tag} on {path:?}"))
            .1
    })
}

#[test]
fn version_two_has_definitions_by_name() {
    let document = json!({"swagger": "2.0", "info": {"title": "K", "version": "v1"},
        "paths": {"/api": {"get": {"operationId": "x", "x-kubernetes-action": "get",
            "parameters": [{"in": "query", "name": "q", "type": "string", "uniqueItems": true}],
            "responses": {"200": {"description": "OK", "schema": {"$ref": "#/definitions/A"}}}}}},
        "definitions": {"A": {"type": "object", "description": "words", "required": ["b"],
            "properties": {"b": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
                "m": {"type": "object", "additionalProperties": {"type": "integer", "format": "int32"}}}}}});
    let bytes = Encoder::v2().part(&[], &document);
    assert_eq!(at(&bytes, &[1]), b"2.0");
    assert_eq!(at(&bytes, &[9, 1, 1]), b"A");
    // Schema: 4 description, 19 required, 22 type, 25 properties; their entry: 1 name, 2 value.
    assert_eq!(at(&bytes, &[9, 1, 2, 4]), b"words");
    assert_eq!(at(&bytes, &[9, 1, 2, 19]), b"b");
    assert_eq!(at(&bytes, &[9, 1, 2, 22, 1]), b"object");
    let property = at(&bytes, &[9, 1, 2, 25, 1, 2]);
    assert_eq!(at(&property, &[23, 1, 22, 1]), b"string");
    assert_eq!(at(&property, &[31, 1]), b"x-kubernetes-list-type");
    assert_eq!(at(&property, &[31, 2, 2]), b"\"set\"");
    // Paths: 2 path, 2 value, 2 get; operation: 5 id, 8 parameters, 9 responses, 13 extensions.
    let operation = at(&bytes, &[8, 2, 2, 2]);
    assert_eq!(at(&operation, &[5]), b"x");
    assert_eq!(at(&operation, &[8, 1, 2, 3, 4]), b"q");
    assert_eq!(at(&operation, &[9, 1, 2, 1, 2, 1, 1]), b"#/definitions/A");
    assert_eq!(at(&operation, &[13, 1]), b"x-kubernetes-action");
}

#[test]
fn version_three_has_components_by_name() {
    let document = json!({"openapi": "3.0.0", "info": {"title": "K", "version": "v1"}, "paths": {},
        "components": {"schemas": {"A": {"type": "object", "properties": {
            "b": {"allOf": [{"$ref": "#/components/schemas/B"}], "default": {}}}}}}});
    let bytes = Encoder::v3().part(&[], &document);
    assert_eq!(at(&bytes, &[1]), b"3.0.0");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("#/components/schemas/B"));
}

#[test]
fn a_section_in_parts_is_the_section() {
    let encoder = Encoder::v2();
    let (a, b) = (json!({"type": "object"}), json!({"type": "string"}));
    let head = json!({"swagger": "2.0", "security": [{"BearerToken": []}], "securityDefinitions": {
        "BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}}});
    let parts = [json!({"A": a}), json!({"B": b})];
    let parts = parts.map(|part| encoder.part(&["definitions"], &part));
    let whole = encoder.whole(&["definitions"], parts.concat());
    let document = json!({"definitions": {"A": a, "B": b}});
    assert_eq!(whole, encoder.part(&[], &document));
    let bytes = encoder.part(&[], &head);
    // Document: 12 security, 13 definitions of it; their entries: 1 name, 2 value; 2 a key.
    assert_eq!(at(&bytes, &[12, 1, 1]), b"BearerToken");
    assert_eq!(at(&bytes, &[13, 1, 1]), b"BearerToken");
    assert_eq!(at(&bytes, &[13, 1, 2, 2, 2]), b"authorization");
}
