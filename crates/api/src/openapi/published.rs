//! Our definitions beside those that upstream publishes, keyword by keyword.
//!
//! What the package changed of upstream's document, and what a server says more than the document, is
//! named here with its reason; everything else must be the same.

use super::{Components, Dialect, INT_OR_STRING, QUANTITY};
use crate::schema::{builtin, descriptions};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Upstream's definitions, as `tools/clients/fetch` leaves them.
fn published() -> Option<Map<String, Value>> {
    let home = std::env::var_os("HOME").map_or_else(|| "/root".into(), PathBuf::from);
    let file = home.join(".cache/sampan/schema/definitions.json");
    let Ok(text) = std::fs::read(&file) else {
        let lack = format!("SKIPPED: no {}: tools/clients/fetch", file.display());
        assert!(std::env::var_os("CI").is_none(), "{lack}");
        eprintln!("{lack}");
        return None;
    };
    let mut all: Value = serde_json::from_slice(&text).expect("JSON");
    Some(
        all["$defs"]
            .as_object_mut()
            .map(std::mem::take)
            .expect("definitions"),
    )
}

/// What is otherwise than published, each with the path of its schema.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn compare(&mut self, path: &str, published: &Value, ours: &Value) {
        let mut keywords: Vec<&String> = keys(published).chain(keys(ours)).collect();
        keywords.sort();
        keywords.dedup();
        for keyword in keywords {
            let (theirs, own) = (&published[keyword], &ours[keyword]);
            match keyword.as_str() {
                "properties" => {
                    for name in keys(theirs).chain(keys(own)) {
                        self.compare(&format!("{path}.{name}"), &theirs[name], &own[name]);
                    }
                }
                "items" | "additionalProperties" if theirs.is_object() => {
                    self.compare(&format!("{path}[]"), theirs, own);
                }
                _ if settled(keyword, theirs) == settled(keyword, own) => {}
                _ if reasoned(path, keyword, theirs, ours) => {}
                _ => self
                    .0
                    .push(format!("{path} {keyword}: {own} but published {theirs}")),
            }
        }
    }
}

fn keys(of: &Value) -> impl Iterator<Item = &String> {
    of.as_object().into_iter().flat_map(Map::keys)
}

/// A keyword's value in our form: the package allows null beside every type that is not required, and keeps
/// definitions elsewhere.
fn settled(keyword: &str, value: &Value) -> Value {
    match (keyword, value) {
        ("type", Value::Array(kinds)) => kinds[0].clone(),
        ("$ref", Value::String(to)) => to.rsplit('/').next().into(),
        _ => value.clone(),
    }
}

/// Whether there is a reason for the difference.
fn reasoned(path: &str, keyword: &str, published: &Value, ours: &Value) -> bool {
    let own = &ours[keyword];
    match keyword {
        // The package says which apiVersion and kind an object has.
        "enum" if own.is_null() => path.ends_with(".apiVersion") || path.ends_with(".kind"),
        // Upstream makes its document with the gate OpenAPIEnums off, which servers have on.
        "enum" => published.is_null() && own.is_array(),
        "description" => {
            let more = own.as_str().unwrap_or_default();
            let more = more.strip_prefix(published.as_str().unwrap_or_default());
            more.is_some_and(|more| more.starts_with("\n\nPossible enum values:\n - `"))
                && ours["enum"].is_array()
        }
        // The package writes out what these two may be; a server says `string`.
        "oneOf" => own.is_null() && [QUANTITY, INT_OR_STRING].contains(&path),
        "type" => own == "string" && [QUANTITY, INT_OR_STRING].contains(&path),
        "format" => own == "int-or-string" && path == INT_OR_STRING,
        _ => false,
    }
}

#[test]
fn definitions_are_the_published_ones() {
    let Some(published) = published() else { return };
    let words = descriptions::load();
    let ours: Map<String, Value> =
        Components::new(Dialect::V2, &words, published.keys().cloned()).collect();
    let mut differences = Differences::default();
    for (name, theirs) in &published {
        differences.compare(name, theirs, &ours[name]);
    }
    for name in ours.keys().filter(|name| !published.contains_key(*name)) {
        differences.0.push(format!("{name} is not published"));
    }
    let found = differences.0;
    assert!(found.is_empty(), "{}: {found:#?}", found.len());
    assert!(published.len() > 700);
}

/// Version 3 says the same, with defaults, and references wrapped where something stands beside them.
#[test]
fn components_are_the_definitions_with_defaults() {
    fn as_version_two(schema: &mut Value) {
        let Some(map) = schema.as_object_mut() else {
            return;
        };
        map.remove("default");
        if let Some(wrapped) = map.remove("allOf") {
            map.insert("$ref".into(), wrapped[0]["$ref"].clone());
        }
        if let Some(to) = map.get_mut("$ref") {
            *to = settled("$ref", to);
        }
        for (keyword, inner) in map {
            match keyword.as_str() {
                "properties" => {
                    let all = inner.as_object_mut().expect("properties").values_mut();
                    all.for_each(as_version_two);
                }
                "items" | "additionalProperties" => as_version_two(inner),
                _ => {}
            }
        }
    }
    let words = descriptions::load();
    let all = |dialect| -> Map<String, Value> {
        let names = builtin().types().map(|(_, of)| of.name.to_string());
        Components::new(dialect, &words, names).collect()
    };
    let (mut two, mut three) = (all(Dialect::V2), all(Dialect::V3));
    for name in [QUANTITY, INT_OR_STRING] {
        assert_eq!(two[name]["type"], json!("string"));
        assert!(three[name]["oneOf"].is_array());
        two.remove(name);
        three.remove(name);
    }
    two.values_mut()
        .chain(three.values_mut())
        .for_each(as_version_two);
    for (name, schema) in &two {
        assert_eq!(three[name], *schema, "{name}");
    }
    assert_eq!(three.len(), two.len());
}
