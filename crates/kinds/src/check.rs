//! Checks that many kinds share; each adds what it finds to the list it is given.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use machinery::field::{Error, ErrorList, Path, Value};

/// Upstream's text for a changed field that may not change.
pub(crate) const IMMUTABLE: &str = "field is immutable";
/// Upstream's text for a negative number.
pub(crate) const NOT_NEGATIVE: &str = "must be greater than or equal to 0";

/// One error for each message about a text.
pub(crate) fn messages(errors: &mut ErrorList, path: &Path, value: &str, messages: Vec<String>) {
    for message in messages {
        errors.push(Error::invalid(path, value, &message));
    }
}

/// A text that must be given.
pub(crate) fn required(errors: &mut ErrorList, path: &Path, value: Option<&String>) -> bool {
    let given = value.is_some_and(|it| !it.is_empty());
    if !given {
        errors.push(Error::required(path, ""));
    }
    given
}

/// A text of a closed list; absent or empty is `Required`.
pub(crate) fn one_of(errors: &mut ErrorList, path: &Path, value: Option<&String>, list: &[&str]) {
    match value.map(String::as_str) {
        None | Some("") => errors.push(Error::required(path, "")),
        Some(text) if !list.contains(&text) => {
            errors.push(Error::not_supported(path, text, list));
        }
        Some(_) => {}
    }
}

/// A text of a closed list that may be absent.
pub(crate) fn maybe_one_of(
    errors: &mut ErrorList,
    path: &Path,
    value: Option<&String>,
    list: &[&str],
) {
    if value.is_some() {
        one_of(errors, path, value, list);
    }
}

/// A number that may be absent but not negative.
pub(crate) fn not_negative(errors: &mut ErrorList, path: &Path, value: Option<impl Into<i64>>) {
    if let Some(value) = value.map(Into::into).filter(|it| *it < 0) {
        errors.push(Error::invalid(path, value, NOT_NEGATIVE));
    }
}

/// A field that may not change.
pub(crate) fn immutable(errors: &mut ErrorList, path: &Path, same: bool, value: impl Into<Value>) {
    if !same {
        errors.push(Error::invalid(path, value, IMMUTABLE));
    }
}

/// A label selector as messages show it.
pub(crate) fn shown(selector: Option<&LabelSelector>) -> Value {
    let mut tree = serde_json::Map::new();
    if let Some(labels) = selector.and_then(|it| it.match_labels.as_ref()) {
        tree.insert("matchLabels".to_owned(), serde_json::json!(labels));
    }
    if let Some(list) = selector.and_then(|it| it.match_expressions.as_ref()) {
        let list: Vec<_> = list.iter().map(|it| serde_json::json!({"key": it.key, "operator": it.operator, "values": it.values})).collect();
        tree.insert("matchExpressions".to_owned(), list.into());
    }
    serde_json::Value::Object(tree).into()
}
