//! Field errors of typed selectors and of labels themselves: upstream's
//! `metav1/validation.ValidateLabelSelector` and `ValidateLabels`.

use crate::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use std::collections::BTreeMap;

/// Selectors were not always looked at so closely: the rule of values that no label can have came later.
const LATE: &str = "AllowInvalidLabelValueInSelector";

/// Errors of a typed selector at `path`.
#[must_use]
pub fn validate(selector: &LabelSelector, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(labels) = &selector.match_labels {
        errors.extend(validate_labels(labels, &path.child("matchLabels")));
    }
    for (index, expression) in selector.match_expressions.iter().flatten().enumerate() {
        let path = path.child("matchExpressions").index(index);
        validate_requirement(&mut errors, expression, &path, Operators::Known);
    }
    errors
}

/// Which operators a requirement may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operators {
    /// The four that there are.
    Known,
    /// Any: those that newer clients know are passed over.
    Any,
}

/// Errors of one requirement at `path`.
pub fn validate_requirement(
    errors: &mut ErrorList,
    it: &LabelSelectorRequirement,
    path: &Path,
    operators: Operators,
) {
    let values = it.values.as_deref().unwrap_or_default();
    let is_known = validate_values(errors, &it.operator, values, path);
    if !is_known && operators == Operators::Known {
        let text = "not a valid selector operator";
        errors.push(Error::invalid(&path.child("operator"), &it.operator, text));
    }
    for message in names::qualified_name_errors(&it.key) {
        errors.push(Error::invalid(&path.child("key"), &it.key, &message));
    }
    for (index, value) in values.iter().enumerate() {
        for message in names::label_value_errors(value) {
            let path = path.child("values").index(index);
            errors.push(Error::invalid(&path, value, &message).ratcheted(LATE));
        }
    }
}

/// Errors of the values that a requirement's operator compares; whether it is one of the four that are known.
pub fn validate_values(
    errors: &mut ErrorList,
    operator: &str,
    values: &[String],
    path: &Path,
) -> bool {
    let path = path.child("values");
    match operator {
        "In" | "NotIn" if values.is_empty() => errors.push(Error::required(
            &path,
            "must be specified when `operator` is 'In' or 'NotIn'",
        )),
        "Exists" | "DoesNotExist" if !values.is_empty() => errors.push(Error::forbidden(
            &path,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        )),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => return false,
    }
    true
}

/// Errors of labels at `path`.
#[must_use]
pub fn validate_labels(labels: &BTreeMap<String, String>, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    for (key, value) in labels {
        for message in names::qualified_name_errors(key) {
            errors.push(Error::invalid(path, key, &message));
        }
        for message in names::label_value_errors(value) {
            errors.push(Error::invalid(&path.key(key), value, &message));
        }
    }
    errors
}
