//! Checks that many kinds share; each adds what it finds to the list it is given.

use crate::ratchet;
use k8s_openapi::apimachinery::pkg::{
    apis::meta::v1::{Condition, LabelSelector, LabelSelectorRequirement},
    util::intstr::IntOrString,
};
use machinery::{
    addresses,
    field::{Error, ErrorList, Path, Value},
    names,
};
use serde_json::json;

/// How upstream writes the path of nothing.
pub(crate) const NOTHING: &str = "[]";
/// Upstream's text for a changed field that may not change.
pub(crate) const IMMUTABLE: &str = "field is immutable";
/// Upstream's text for a negative number.
pub(crate) const NOT_NEGATIVE: &str = "must be greater than or equal to 0";

/// Protocols of ports.
pub(crate) const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];

/// The protocol of a port.
pub(crate) fn protocol(errors: &mut ErrorList, path: &Path, value: Option<&String>) {
    one_of(errors, &path.child("protocol"), value, PROTOCOLS);
}

/// What is spoken on a port.
pub(crate) fn app_protocol(errors: &mut ErrorList, path: &Path, value: Option<&String>) {
    if let Some(text) = value {
        let found = names::qualified_name_errors(text);
        messages(errors, &path.child("appProtocol"), text, found);
    }
}

/// The number of a port.
pub(crate) fn port(errors: &mut ErrorList, path: &Path, number: i32) {
    for message in names::port_number_errors(number.into()) {
        errors.push(Error::invalid(path, number, &message));
    }
}

/// The number or the name of a port.
pub(crate) fn port_or_name(errors: &mut ErrorList, path: &Path, value: &IntOrString) {
    match value {
        IntOrString::Int(number) => port(errors, path, *number),
        IntOrString::String(name) => {
            messages(errors, path, name, names::port_name_errors(name));
        }
    }
}

/// `example.com/path`: upstream's `IsDomainPrefixedPath`. Each half is shown alone.
pub(crate) fn domain_prefixed_path(errors: &mut ErrorList, path: &Path, text: &str) {
    let halves = text.split_once('/');
    let Some((domain, rest)) = halves.filter(|it| !it.0.is_empty() && !it.1.is_empty()) else {
        let fault = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        return errors.push(Error::invalid(path, text, fault));
    };
    messages(errors, path, domain, names::subdomain_errors(domain));
    let letter = |it: u8| it.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&it);
    if !rest.bytes().all(letter) {
        let fault =
            r"Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')";
        errors.push(Error::invalid(path, rest, fault));
    }
}

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

/// A text of a closed list that may be absent; an empty one is not of the list.
pub(crate) fn supported(
    errors: &mut ErrorList,
    path: &Path,
    value: Option<&String>,
    list: &[&str],
) {
    if let Some(value) = value.filter(|it| !list.contains(&it.as_str())) {
        errors.push(Error::not_supported(path, value, list));
    }
}

/// A number that may be absent but not negative.
pub(crate) fn not_negative(errors: &mut ErrorList, path: &Path, value: Option<impl Into<i64>>) {
    if let Some(value) = value.map(Into::into).filter(|it| *it < 0) {
        errors.push(Error::invalid(path, value, NOT_NEGATIVE));
    }
}

/// An address in a field that is older than strict checks; those in `known` were there before.
pub(crate) fn address(errors: &mut ErrorList, path: &Path, value: &str, known: &[&str]) {
    if !known.contains(&value) {
        messages(errors, path, value, addresses::address_errors(value));
    }
}

/// An address in a spec that is older than strict checks: one in a spelling that was read once may stay.
pub(crate) fn late_address(errors: &mut ErrorList, path: &Path, value: &str) {
    let find = |e: &mut ErrorList| messages(e, path, value, addresses::address_errors(value));
    match addresses::parse(value) {
        Some(_) => ratchet::late(errors, "StrictIPCIDRValidation", find),
        None => find(errors),
    }
}

/// A network in a field that is older than strict checks; those in `known` were there before.
pub(crate) fn network(errors: &mut ErrorList, path: &Path, value: &str, known: &[&str]) {
    if !known.contains(&value) {
        messages(errors, path, value, addresses::network_errors(value));
    }
}

/// A field that may not change.
pub(crate) fn immutable(errors: &mut ErrorList, path: &Path, same: bool, value: impl Into<Value>) {
    if !same {
        errors.push(Error::invalid(path, value, IMMUTABLE));
    }
}

/// A spec that may not change, nor anything below it.
pub(crate) fn same_spec<O: api::Object>(new: &O, same: bool) -> ErrorList {
    let mut errors = ErrorList::new();
    same_part(&mut errors, &Path::new("spec"), new, same);
    errors
}

/// A part of an object that may not change. It is written out only to be shown.
pub(crate) fn same_part<O: api::Object>(errors: &mut ErrorList, path: &Path, new: &O, same: bool) {
    if !same {
        let pointer = format!("/{}", path.to_string().replace('.', "/"));
        immutable(errors, path, false, part(new, &pointer));
    }
}

/// A selector that may not change.
pub(crate) fn same_selector(
    errors: &mut ErrorList,
    new: Option<&LabelSelector>,
    old: Option<&LabelSelector>,
) {
    if new != old {
        let path = Path::new("spec").child("selector");
        immutable(errors, &path, false, shown(new));
    }
}

/// A part of an object, such as `/spec/template`, as messages show it.
pub(crate) fn part<O: api::Object>(object: &O, pointer: &str) -> Value {
    let tree: serde_json::Value = serde_json::from_slice(&object.encode()).unwrap_or_default();
    tree.pointer(pointer).cloned().unwrap_or_default().into()
}

/// A label selector as messages show it, in Go's order of fields.
pub(crate) fn shown(selector: Option<&LabelSelector>) -> Value {
    let labels = selector.and_then(|it| it.match_labels.as_ref());
    let labels = labels.filter(|it| !it.is_empty());
    let labels = labels.map(|it| format!("\"matchLabels\":{}", json!(it)));
    let requirement = |it: &LabelSelectorRequirement| match it.values.as_deref() {
        None | Some([]) => json!({"key": it.key, "operator": it.operator}),
        Some(values) => json!({"key": it.key, "operator": it.operator, "values": values}),
    };
    let list = selector.and_then(|it| it.match_expressions.as_ref());
    let list = list.filter(|it| !it.is_empty());
    let list = list.map(|it| it.iter().map(requirement).collect::<Vec<_>>());
    let list = list.map(|it| format!("\"matchExpressions\":{}", json!(it)));
    let fields: Vec<_> = labels.into_iter().chain(list).collect();
    Value::shown(format!("{{{}}}", fields.join(",")))
}

const REASON_BYTES: usize = 1024;
const MESSAGE_BYTES: usize = 32 * 1024;
const REASON: &str = "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";

/// Conditions of the shared type: upstream's `ValidateConditions`.
pub(crate) fn conditions(errors: &mut ErrorList, path: &Path, list: &[Condition]) {
    for (index, it) in list.iter().enumerate() {
        let path = path.index(index);
        if list[..index].iter().any(|before| before.type_ == it.type_) {
            errors.push(Error::duplicate(&path.child("type"), &it.type_));
        }
        let wrong = names::qualified_name_errors(&it.type_);
        messages(errors, &path.child("type"), &it.type_, wrong);
        let statuses = &["False", "True", "Unknown"];
        if !statuses.contains(&it.status.as_str()) {
            let path = path.child("status");
            errors.push(Error::not_supported(&path, &it.status, statuses));
        }
        if let Some(seen) = it.observed_generation.filter(|it| *it < 0) {
            let text = "must be greater than or equal to zero";
            errors.push(Error::invalid(
                &path.child("observedGeneration"),
                seen,
                text,
            ));
        }
        let at = path.child("reason");
        if required(errors, &at, Some(&it.reason)) {
            if !is_reason(&it.reason) {
                errors.push(Error::invalid(&at, &it.reason, REASON));
            }
            if it.reason.len() > REASON_BYTES {
                errors.push(Error::too_long(&at, REASON_BYTES));
            }
        }
        if it.message.len() > MESSAGE_BYTES {
            errors.push(Error::too_long(&path.child("message"), MESSAGE_BYTES));
        }
    }
}

fn is_reason(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.bytes().last().is_some_and(word)
        && text
            .bytes()
            .all(|byte| word(byte) || byte == b',' || byte == b':')
}
