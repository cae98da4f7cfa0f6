//! Field errors of typed selectors and of labels themselves: upstream's
//! `metav1/validation.ValidateLabelSelector` and `ValidateLabels`.

use crate::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeMap;

/// Errors of a typed selector at `path`.
#[must_use]
pub fn validate(selector: &LabelSelector, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(labels) = &selector.match_labels {
        errors.extend(validate_labels(labels, &path.child("matchLabels")));
    }
    for (index, expression) in selector.match_expressions.iter().flatten().enumerate() {
        let path = path.child("matchExpressions").index(index);
        let count = expression.values.as_ref().map_or(0, Vec::len);
        match expression.operator.as_str() {
            "In" | "NotIn" if count == 0 => errors.push(Error::required(
                &path.child("values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            )),
            "Exists" | "DoesNotExist" if count > 0 => errors.push(Error::forbidden(
                &path.child("values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            )),
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => errors.push(Error::invalid(
                &path.child("operator"),
                other,
                "not a valid selector operator",
            )),
        }
        for message in names::qualified_name_errors(&expression.key) {
            errors.push(Error::invalid(
                &path.child("key"),
                &expression.key,
                &message,
            ));
        }
        for (index, value) in expression.values.iter().flatten().enumerate() {
            for message in names::label_value_errors(value) {
                errors.push(Error::invalid(
                    &path.child("values").index(index),
                    value,
                    &message,
                ));
            }
        }
    }
    errors
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
