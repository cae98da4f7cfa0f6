//! What policies and their bindings share: parameters, variables and the columns that show them.
//! Expressions are checked for being there, not compiled.

use crate::{Cell, check};
use k8s_openapi::api::admissionregistration::v1::{ParamKind, ParamRef, Variable};
use machinery::{
    field::{Error, ErrorList, Path},
    labels, names,
};

/// Words of CEL that name nothing.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// Errors of the kind of a policy's parameters.
pub(super) fn param_kind(e: &mut ErrorList, path: &Path, it: &ParamKind) {
    let at = path.child("apiVersion");
    if check::required(e, &at, it.api_version.as_ref()) {
        let text = it.api_version.as_deref().unwrap_or_default();
        let (group, version) = text.split_once('/').unwrap_or(("", text));
        if version.contains('/') {
            let message = format!("unexpected GroupVersion string: {text}");
            e.push(Error::invalid(&at, text, &message));
        } else {
            let wrong = names::subdomain_errors(group);
            if !group.is_empty() && !wrong.is_empty() {
                e.push(Error::invalid(&at, group, &wrong.join(",")));
            }
            let wrong = names::dns1035_label_errors(version);
            if version.is_empty() {
                e.push(Error::invalid(&at, text, "version must be specified"));
            } else if !wrong.is_empty() {
                e.push(Error::invalid(&at, version, &wrong.join(",")));
            }
        }
    }
    let at = path.child("kind");
    if check::required(e, &at, it.kind.as_ref()) {
        let kind = it.kind.as_deref().unwrap_or_default();
        let wrong = names::dns1035_label_errors(&kind.to_lowercase());
        if !wrong.is_empty() {
            let text = "may have mixed case, but should otherwise match: ";
            e.push(Error::invalid(
                &at,
                kind,
                &format!("{text}{}", wrong.join(",")),
            ));
        }
    }
}

/// Errors of the reference to a binding's parameters.
pub(super) fn param_ref(e: &mut ErrorList, path: &Path, it: &ParamRef) {
    const EITHER: &str = "name and selector are mutually exclusive";
    let name = it.name.as_deref().unwrap_or_default();
    if !name.is_empty() {
        let at = path.child("name");
        check::messages(e, &at, name, names::path_segment_errors(name));
        if it.selector.is_some() {
            e.push(Error::forbidden(&at, EITHER));
        }
    }
    match &it.selector {
        Some(selector) => {
            let at = path.child("selector");
            e.extend(labels::validate(selector, &at));
            if !name.is_empty() {
                e.push(Error::forbidden(&at, EITHER));
            }
        }
        None if name.is_empty() => {
            let text = "one of name or selector must be specified";
            e.push(Error::required(path, text));
        }
        None => {}
    }
    let at = path.child("parameterNotFoundAction");
    let action = it.parameter_not_found_action.as_ref();
    check::one_of(e, &at, action, &["Deny", "Allow"]);
}

/// Errors of the variables of a policy.
pub(super) fn variables(e: &mut ErrorList, path: &Path, all: &[Variable]) {
    for (index, it) in all.iter().enumerate() {
        let path = path.index(index);
        let at = path.child("name");
        if it.name.trim().is_empty() {
            e.push(Error::required(&at, "name is not specified"));
        } else if !is_identifier(&it.name) {
            let text = "name is not a valid CEL identifier";
            e.push(Error::invalid(&at, &it.name, text));
        }
        if it.expression.trim().is_empty() {
            let text = "expression is not specified";
            e.push(Error::required(&path.child("expression"), text));
        }
    }
}

fn is_identifier(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts = name.bytes().next().is_some_and(|it| !it.is_ascii_digit());
    starts && name.bytes().all(word) && !RESERVED.contains(&name)
}

const UNSET: &str = "<unset>";

/// The `ParamKind` column.
pub(super) fn kind_cell(it: Option<&ParamKind>) -> Cell {
    it.map_or(UNSET.to_owned(), |it| {
        let version = it.api_version.as_deref().unwrap_or_default();
        format!("{version}/{}", it.kind.as_deref().unwrap_or_default())
    })
    .into()
}

/// The `ParamRef` column.
pub(super) fn reference_cell(it: Option<&ParamRef>) -> Cell {
    let Some(it) = it else { return UNSET.into() };
    let name = it.name.as_deref().unwrap_or_default();
    let namespace = it.namespace.as_deref().unwrap_or_default();
    match (&it.selector, name, namespace) {
        (Some(selector), "", _) => {
            let selector = labels::Selector::from_typed(Some(selector));
            selector
                .map_or(UNSET.to_owned(), |it| it.to_string())
                .into()
        }
        (None, "", _) => UNSET.into(),
        (_, name, "") => name.into(),
        (_, name, namespace) => format!("{namespace}/{name}").into(),
    }
}
