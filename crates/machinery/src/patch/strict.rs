//! What strict reading finds in a patch itself: keys given twice, and fields that no operation has.
//! Upstream: `sigs.k8s.io/json`'s `UnmarshalStrict` into maps and into JSON patch operations.

use super::bad_body;
use crate::status::Status;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::{cell::RefCell, collections::HashSet, fmt};

/// Upstream reports no more than this many.
const REPORT_LIMIT: usize = 100;
/// The fields of an operation of a JSON patch.
const OPERATION: [&str; 4] = ["from", "op", "path", "value"];

/// `duplicate field "spec.replicas"` for each key that an object of `body` has twice.
///
/// # Errors
/// 400 when the body is no JSON.
pub fn duplicates(body: &[u8]) -> Result<Vec<String>, Status> {
    let found = RefCell::default();
    let mut input = serde_json::Deserializer::from_slice(body);
    let walk = Walk {
        found: &found,
        path: String::new(),
    };
    walk.deserialize(&mut input)
        .and_then(|()| input.end())
        .map_err(|error| bad_body(&error))?;
    Ok(found.into_inner())
}

/// The same for a JSON patch, with the fields that no operation has.
///
/// # Errors
/// 400 when the body is no JSON.
pub fn strict_operations(body: &[u8]) -> Result<Vec<String>, Status> {
    let mut found = duplicates(body)?;
    if let Ok(Value::Array(operations)) = serde_json::from_slice(body) {
        for (index, operation) in operations.iter().enumerate() {
            let fields = operation.as_object().into_iter().flatten();
            found.extend(
                fields
                    .filter(|(name, _)| !OPERATION.contains(&name.as_str()))
                    .map(|(name, _)| format!("unknown field \"[{index}].{name}\"")),
            );
        }
    }
    found.truncate(REPORT_LIMIT);
    Ok(found
        .into_iter()
        .map(|it| format!("json patch {it}"))
        .collect())
}

/// A tree as Go prints it with `%+v`.
#[must_use]
pub fn go_text(tree: &Value) -> String {
    match tree {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(go_text).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(name, _)| *name);
            let entries: Vec<_> = entries
                .into_iter()
                .map(|(name, value)| format!("{name}:{}", go_text(value)))
                .collect();
            format!("map[{}]", entries.join(" "))
        }
        other => other.to_string(),
    }
}

struct Walk<'a> {
    found: &'a RefCell<Vec<String>>,
    path: String,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        for index in 0usize.. {
            let walk = Walk {
                found: self.found,
                path: format!("{}[{index}]", self.path),
            };
            if items.next_element_seed(walk)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            let dot = if self.path.is_empty() { "" } else { "." };
            let path = format!("{}{dot}{key}", self.path);
            if !seen.insert(key) && self.found.borrow().len() < REPORT_LIMIT {
                let message = format!("duplicate field {path:?}");
                self.found.borrow_mut().push(message);
            }
            entries.next_value_seed(Walk {
                found: self.found,
                path,
            })?;
        }
        Ok(())
    }
}
