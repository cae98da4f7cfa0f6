//! What the kinds of this group have in common: lists that are bounded, names of drivers, pools and
//! attributes, selectors, settings for drivers, tolerations. Expressions are judged by their length only.

use crate::{
    check,
    pod_spec::{defaults::text, scheduling},
    ratchet,
    storage::shared,
};
use k8s_openapi::{
    api::{core::v1::NodeSelector, resource::v1 as upstream},
    apimachinery::pkg::runtime::RawExtension as Raw,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};
use std::collections::BTreeSet;

/// Requests, selectors and settings of one claim or class.
pub(super) const LISTED: usize = 32;
const POOL_LIMIT_BYTES: usize = 253;
const IDENTIFIER_LIMIT_BYTES: usize = 32;
const EXPRESSION_LIMIT_BYTES: usize = 10 * 1024;
/// JSON that only a driver understands.
pub(super) const RAW_LIMIT_BYTES: usize = 10 * 1024;
const CONDITIONS: usize = 4;
/// What a taint does to those who do not tolerate it.
pub(super) const EFFECTS: &[&str] = &["NoExecute", "NoSchedule", "None"];

/// Errors of each item of a list that is not too long.
pub(super) fn list<T>(
    e: &mut ErrorList,
    path: &Path,
    items: &[T],
    limit: usize,
    mut item: impl FnMut(&mut ErrorList, &Path, &T),
) -> bool {
    if items.len() > limit {
        e.push(Error::too_many(path, items.len(), limit));
        return false;
    }
    for (index, it) in items.iter().enumerate() {
        item(e, &path.index(index), it);
    }
    true
}

/// Errors of each item of a list that is not too long and has each key once.
pub(super) fn set<T>(
    e: &mut ErrorList,
    path: &Path,
    items: &[T],
    limit: usize,
    key: impl Fn(&T) -> String,
    item: impl FnMut(&mut ErrorList, &Path, &T),
) {
    if !list(e, path, items, limit, item) {
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, it) in items.iter().enumerate() {
        let key = key(it);
        if !seen.insert(key.clone()) {
            e.push(Error::duplicate(&path.index(index), key));
        }
    }
}

/// The name of a driver.
pub(super) fn driver(e: &mut ErrorList, path: &Path, name: &str) {
    shared::csi_driver(e, path, name);
}

/// A name that is one label.
pub(super) fn label(e: &mut ErrorList, path: &Path, name: &str) {
    check::messages(e, path, name, names::label_errors(name));
}

/// The name of a pool: domains between slashes.
pub(super) fn pool(e: &mut ErrorList, path: &Path, name: &str) {
    if name.is_empty() {
        e.push(Error::required(path, ""));
        return;
    }
    if name.len() > POOL_LIMIT_BYTES {
        e.push(Error::too_long(path, POOL_LIMIT_BYTES));
    }
    for part in name.split('/') {
        check::messages(e, path, part, names::subdomain_errors(part));
    }
}

/// The name of an attribute or capacity, with or without the domain of who defined it.
pub(super) fn qualified(e: &mut ErrorList, path: &Path, name: &str) {
    let (domain, identifier) = match name.split_once('/') {
        Some((_, rest)) if rest.contains('/') => {
            e.push(Error::invalid(
                path,
                name,
                "must not contain more than one slash",
            ));
            return;
        }
        Some((domain, rest)) => (Some(domain), rest),
        None => (None, name),
    };
    match domain {
        Some("") => e.push(Error::invalid(path, "", "the domain must not be empty")),
        Some(domain) => driver(e, path, domain),
        None => {}
    }
    if domain.is_some() && identifier.is_empty() {
        e.push(Error::invalid(path, "", "the name must not be empty"));
        return;
    }
    if identifier.len() > IDENTIFIER_LIMIT_BYTES {
        e.push(Error::too_long(path, IDENTIFIER_LIMIT_BYTES));
    }
    let found = names::c_identifier_errors(identifier);
    check::messages(e, path, identifier, found);
}

/// The name of an attribute with its domain.
pub(super) fn fully_qualified(e: &mut ErrorList, path: &Path, name: &str) {
    qualified(e, path, name);
    if !name.contains('/') {
        let text = "a fully qualified name must be a domain and a name separated by a slash";
        e.push(Error::invalid(path, name, text));
    }
}

/// Errors of what chooses devices.
pub(super) fn selectors(
    e: &mut ErrorList,
    path: &Path,
    it: Option<&Vec<upstream::DeviceSelector>>,
) {
    let items = it.map(Vec::as_slice).unwrap_or_default();
    list(e, path, items, LISTED, |e, path, it| {
        let path = path.child("cel");
        match &it.cel {
            None => e.push(Error::required(&path, "")),
            Some(cel) if cel.expression.len() > EXPRESSION_LIMIT_BYTES => {
                let path = path.child("expression");
                e.push(Error::too_long(&path, EXPRESSION_LIMIT_BYTES));
            }
            Some(_) => {}
        }
    });
}

/// Errors of what chooses nodes. Its values were looked at from the beginning.
pub(super) fn node_selector(e: &mut ErrorList, path: &Path, it: &NodeSelector) {
    ratchet::always(e, |e| scheduling::node_selector(e, path, it));
}

/// Errors of settings for a driver; those that were `stored` may be longer than new ones.
pub(super) fn settings(
    e: &mut ErrorList,
    path: &Path,
    it: Option<&upstream::OpaqueDeviceConfiguration>,
    stored: bool,
) {
    let path = path.child("opaque");
    let Some(it) = it else {
        e.push(Error::required(&path, ""));
        return;
    };
    driver(e, &path.child("driver"), &it.driver);
    raw(e, &path.child("parameters"), &it.parameters, stored);
}

/// Errors of JSON that only a driver understands.
pub(super) fn raw(e: &mut ErrorList, path: &Path, it: &Raw, stored: bool) {
    if it.0.is_null() {
        e.push(Error::required(path, ""));
    } else if !stored && it.0.to_string().len() > RAW_LIMIT_BYTES {
        e.push(Error::too_long(path, RAW_LIMIT_BYTES));
    } else if !it.0.is_object() {
        let text = "must be a valid JSON object";
        e.push(Error::invalid(path, "<value omitted>", text));
    }
}

/// A toleration without an operator compares.
pub(super) fn toleration_defaults(list: Option<&mut Vec<upstream::DeviceToleration>>) {
    for it in list.into_iter().flatten() {
        text(&mut it.operator, "Equal");
    }
}

/// Errors of tolerations of taints.
pub(super) fn tolerations(
    e: &mut ErrorList,
    path: &Path,
    list: Option<&Vec<upstream::DeviceToleration>>,
) {
    let path = path.child("tolerations");
    for (index, it) in list.into_iter().flatten().enumerate() {
        let path = path.index(index);
        if let Some(key) = it.key.as_ref().filter(|it| !it.is_empty()) {
            let found = names::qualified_name_errors(key);
            check::messages(e, &path.child("key"), key, found);
        }
        let value = it.value.as_deref().unwrap_or_default();
        let at = path.child("value");
        match it.operator.as_deref() {
            Some("Exists") if !value.is_empty() => {
                let text = "must be empty for operator `Exists`";
                e.push(Error::invalid(&at, value, text));
            }
            Some("Equal") => check::messages(e, &at, value, names::label_value_errors(value)),
            _ => {
                let path = path.child("operator");
                check::one_of(e, &path, it.operator.as_ref(), &["Equal", "Exists"]);
            }
        }
        let effect = it.effect.as_ref().filter(|it| !it.is_empty());
        check::maybe_one_of(e, &path.child("effect"), effect, EFFECTS);
    }
}

/// Errors of the conditions that a binding waits for, and of those that end it.
pub(super) fn binding(
    e: &mut ErrorList,
    path: &Path,
    awaited: Option<&Vec<String>>,
    failing: Option<&Vec<String>>,
) {
    let slice = |it: Option<&Vec<String>>| it.cloned().unwrap_or_default();
    let (awaited, failing) = (slice(awaited), slice(failing));
    let at = |failing| match failing {
        true => path.child("bindingFailureConditions"),
        false => path.child("bindingConditions"),
    };
    for (fails, items) in [(false, &awaited), (true, &failing)] {
        set(
            e,
            &at(fails),
            items,
            CONDITIONS,
            String::clone,
            |e, path, it| {
                check::messages(e, path, it, names::qualified_name_errors(it));
            },
        );
    }
    for (index, it) in failing
        .iter()
        .enumerate()
        .filter(|it| awaited.contains(it.1))
    {
        let text = "bindingFailureConditions must not overlap with bindingConditions";
        e.push(Error::invalid(&at(true).index(index), it, text));
    }
    let none = || serde_json::Value::Array(Vec::new());
    if awaited.is_empty() && !failing.is_empty() {
        let text = "bindingConditions are required to use bindingFailureConditions";
        e.push(Error::invalid(&at(false), none(), text));
    }
    if failing.is_empty() && !awaited.is_empty() {
        let text = "bindingFailureConditions are required to use bindingConditions";
        e.push(Error::invalid(&at(true), none(), text));
    }
}
