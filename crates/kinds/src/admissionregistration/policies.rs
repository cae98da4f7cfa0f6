//! What policies and their bindings share, whether they judge objects or change them: constraints,
//! parameters, variables and the columns that show them. Expressions are checked for being there, not compiled.

use super::rules;
use crate::{Cell, Column, check, ratchet};
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MatchResources, ParamKind, ParamRef, Variable,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use machinery::{
    field::{Error, ErrorList, Path},
    labels, names,
};
use std::fmt::Write;

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

/// What the specs of policies of either sort have in common.
pub(super) struct Policy<'a> {
    pub(super) failure_policy: Option<&'a String>,
    pub(super) param_kind: Option<&'a ParamKind>,
    pub(super) constraints: Option<&'a MatchResources>,
    pub(super) conditions: &'a [MatchCondition],
    pub(super) variables: &'a [Variable],
    /// What the policy may be about; absent for everything.
    pub(super) operations: Option<&'a [&'a str]>,
}

/// The common part of a policy's spec.
macro_rules! common {
    ($spec:expr, $operations:expr) => {
        policies::Policy {
            failure_policy: $spec.failure_policy.as_ref(),
            param_kind: $spec.param_kind.as_ref(),
            constraints: $spec.match_constraints.as_ref(),
            conditions: $spec.match_conditions.as_deref().unwrap_or_default(),
            variables: $spec.variables.as_deref().unwrap_or_default(),
            operations: $operations,
        }
    };
}
pub(super) use common;

/// Errors of the common part of a policy. Conditions that are not new are not judged again.
pub(super) fn policy(e: &mut ErrorList, path: &Path, it: &Policy<'_>, old: Option<&Policy<'_>>) {
    let at = path.child("failurePolicy");
    check::one_of(e, &at, it.failure_policy, rules::FAILURE_POLICIES);
    if let Some(kind) = it.param_kind {
        param_kind(e, &path.child("paramKind"), kind);
    }
    let at = path.child("matchConstraints");
    match it.constraints {
        None => e.push(Error::required(&at, "")),
        Some(matches) => {
            rules::matches(e, &at, matches);
            if matches.resource_rules.as_ref().is_none_or(Vec::is_empty) {
                e.push(Error::required(&at.child("resourceRules"), ""));
            }
            operations(e, &at, matches, it.operations);
        }
    }
    if !old.is_some_and(|old| old.param_kind == it.param_kind && old.conditions == it.conditions) {
        rules::conditions(e, &path.child("matchConditions"), it.conditions);
    }
    variables(e, &path.child("variables"), it.variables);
}

/// Errors of operations that a policy or a binding cannot be about.
pub(super) fn operations(
    e: &mut ErrorList,
    path: &Path,
    it: &MatchResources,
    allowed: Option<&[&str]>,
) {
    let Some(allowed) = allowed else { return };
    let path = path.child("resourceRules").child("operations");
    let rules = it.resource_rules.iter().flatten();
    for operation in rules.flat_map(|it| it.operations.iter().flatten()) {
        check::supported(e, &path, Some(operation), allowed);
    }
}

/// Errors of the policy that a binding names.
pub(super) fn policy_name(e: &mut ErrorList, path: &Path, name: Option<&String>) {
    if check::required(e, path, name) {
        let name = name.map(String::as_str).unwrap_or_default();
        check::messages(e, path, name, names::subdomain_errors(name));
    }
}

/// Warnings of a new object whose name may later be that of a file's.
pub(super) fn name_warnings(metadata: &ObjectMeta, is_new: bool) -> Vec<String> {
    const RESERVED: &str = ".static.k8s.io";
    let name = metadata.name.as_deref().unwrap_or_default();
    let warning = (is_new && name.ends_with(RESERVED)).then(|| {
        format!(
            "metadata.name: names ending with {RESERVED:?} will be reserved for static manifest-based configurations when the ManifestBasedAdmissionControlConfig feature gate is enabled"
        )
    });
    warning.into_iter().collect()
}

/// Warnings of a kind of this group.
macro_rules! warnings {
    () => {
        fn warnings(&self, new: &Self::Object, old: Option<&Self::Object>) -> Vec<String> {
            policies::name_warnings(&new.metadata, old.is_none())
        }
    };
}
pub(super) use warnings;

/// Errors of the kind of a policy's parameters.
fn param_kind(e: &mut ErrorList, path: &Path, it: &ParamKind) {
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
            ratchet::always(e, |e| e.extend(labels::validate(selector, &at)));
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
fn variables(e: &mut ErrorList, path: &Path, all: &[Variable]) {
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

/// The columns of bindings of either sort.
pub(super) const BINDING_COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text(
        "PolicyName",
        "PolicyName indicates the policy definition which the policy binding binded to",
    ),
    Column::text(
        "ParamRef",
        "ParamRef indicates the param resource which sets the configration param",
    ),
    Column::AGE,
];

const UNSET: &str = "<unset>";

/// The `ParamKind` column.
pub(super) fn kind_cell(it: Option<&ParamKind>) -> Cell {
    it.map_or(UNSET.to_owned(), |it| {
        let version = it.api_version.as_deref().unwrap_or_default();
        format!("{version}/{}", it.kind.as_deref().unwrap_or_default())
    })
    .into()
}

/// The `ParamRef` column. A name may be that of an object in no namespace, or of one in each.
pub(super) fn reference_cell(it: Option<&ParamRef>) -> Cell {
    let Some(it) = it else { return UNSET.into() };
    let name = it.name.as_deref().unwrap_or_default();
    let namespace = it.namespace.as_deref().unwrap_or_default();
    match (&it.selector, name, namespace) {
        (Some(selector), "", _) => in_go(selector).into(),
        (None, "", _) => UNSET.into(),
        (_, name, "") => format!("*/{name}").into(),
        (_, name, namespace) => format!("{namespace}/{name}").into(),
    }
}

/// A selector as upstream's generated code writes it.
fn in_go(selector: &LabelSelector) -> String {
    let mut labels = String::new();
    for (key, value) in selector.match_labels.iter().flatten() {
        let _ = write!(labels, "{key}: {value},");
    }
    let mut expressions = String::new();
    for it in selector.match_expressions.iter().flatten() {
        let values = it.values.as_deref().unwrap_or_default().join(" ");
        let _ = write!(
            expressions,
            "LabelSelectorRequirement{{Key:{},Operator:{},Values:[{values}],}},",
            it.key, it.operator
        );
    }
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
}
