//! CEL expressions that judge objects on admission. They are checked for being there, not compiled.

use super::{policies, rules};
use crate::{Cell, Column, Names, Strategy, Subresource, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1 as upstream;
use machinery::{
    apply::Resets,
    field::{Error, ErrorList, Path},
    names,
};

const REASONS: &[&str] = &["Forbidden", "Invalid", "RequestEntityTooLarge"];
const ANNOTATION_LIMIT: usize = 20;
const ANNOTATION_BYTES: usize = 5 * 1024;

/// The law of ValidatingAdmissionPolicy.
pub(crate) struct ValidatingAdmissionPolicy;

impl Strategy for ValidatingAdmissionPolicy {
    type Object = upstream::ValidatingAdmissionPolicy;

    fn names(&self) -> Names {
        Names::cluster("validatingadmissionpolicies", "validatingadmissionpolicy")
            .categories(&["api-extensions"])
    }

    crate::prepare::spec_and_status!();

    fn default(&self, object: &mut upstream::ValidatingAdmissionPolicy) {
        let Some(spec) = &mut object.spec else { return };
        spec.failure_policy.get_or_insert_with(|| "Fail".to_owned());
        if let Some(matches) = &mut spec.match_constraints {
            rules::default_matches(matches);
        }
    }

    fn validate(&self, object: &upstream::ValidatingAdmissionPolicy) -> ErrorList {
        validate(object, None)
    }

    fn validate_update(
        &self,
        new: &upstream::ValidatingAdmissionPolicy,
        old: &upstream::ValidatingAdmissionPolicy,
    ) -> ErrorList {
        validate(new, Some(old))
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::ValidatingAdmissionPolicy,
        _: &upstream::ValidatingAdmissionPolicy,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        let status = new.status.clone().unwrap_or_default();
        let path = Path::new("status");
        let checking = status.type_checking.unwrap_or_default();
        for (index, it) in checking.expression_warnings.iter().flatten().enumerate() {
            let path = path.child("typeChecking").child("expressionWarnings");
            let path = path.index(index);
            check::required(&mut errors, &path.child("warning"), Some(&it.warning));
            let field = it.field_ref.trim().to_owned();
            check::required(&mut errors, &path.child("fieldRef"), Some(&field));
        }
        let conditions = status.conditions.unwrap_or_default();
        check::conditions(&mut errors, &path.child("conditions"), &conditions);
        errors
    }

    policies::warnings!();

    fn unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::number(
                    "Validations",
                    "Validations indicates the number of validation rules defined in this configuration",
                ),
                Column::text(
                    "ParamKind",
                    "ParamKind specifies the kind of resources used to parameterize this policy",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::ValidatingAdmissionPolicy, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.as_ref();
        let validations = spec.and_then(|it| it.validations.as_ref());
        vec![
            columns::name(&object.metadata),
            validations.map_or(0, Vec::len).into(),
            policies::kind_cell(spec.and_then(|it| it.param_kind.as_ref())),
            columns::age(&object.metadata, now),
        ]
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[
                Subresource::status("ValidatingAdmissionPolicy")
                    .resetting(Resets::SPEC_AND_METADATA),
            ]
        }
    }
}

fn validate(
    object: &upstream::ValidatingAdmissionPolicy,
    old: Option<&upstream::ValidatingAdmissionPolicy>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let (e, path) = (&mut errors, Path::new("spec"));
    let spec = object.spec.clone().unwrap_or_default();
    let old = old.and_then(|it| it.spec.as_ref());
    let old = old.map(|it| policies::common!(it, None));
    policies::policy(e, &path, &policies::common!(spec, None), old.as_ref());
    let validations = spec.validations.unwrap_or_default();
    let annotations = spec.audit_annotations.unwrap_or_default();
    if validations.is_empty() && annotations.is_empty() {
        let text = "validations or auditAnnotations must contain at least one item";
        e.push(Error::required(&path.child("validations"), text));
        e.push(Error::required(&path.child("auditAnnotations"), text));
    }
    for (index, it) in validations.iter().enumerate() {
        validation(e, &path.child("validations").index(index), it);
    }
    let policy = object.metadata.name.as_deref().unwrap_or_default();
    audit_annotations(e, &path.child("auditAnnotations"), policy, &annotations);
    errors
}

fn validation(e: &mut ErrorList, path: &Path, it: &upstream::Validation) {
    if it.expression.trim().is_empty() {
        let text = "expression is not specified";
        e.push(Error::required(&path.child("expression"), text));
    }
    let blank = |text: &String| !text.is_empty() && text.trim().is_empty();
    if let Some(text) = it.message_expression.as_ref().filter(|it| blank(it)) {
        let at = path.child("messageExpression");
        e.push(Error::invalid(&at, text, "must be non-empty if specified"));
    }
    if let Some(message) = &it.message {
        let at = path.child("message");
        if blank(message) {
            let text = "message must be non-empty if specified";
            e.push(Error::invalid(&at, message, text));
        } else if message.trim().contains(['\n', '\r']) {
            let text = "message must not contain line breaks";
            e.push(Error::invalid(&at, message, text));
        }
    }
    check::supported(e, &path.child("reason"), it.reason.as_ref(), REASONS);
}

fn audit_annotations(
    e: &mut ErrorList,
    path: &Path,
    policy: &str,
    all: &[upstream::AuditAnnotation],
) {
    if all.len() > ANNOTATION_LIMIT {
        let shown = all
            .iter()
            .map(|it| serde_json::json!({ "key": it.key, "valueExpression": it.value_expression }));
        let shown: serde_json::Value = shown.collect();
        let text = format!("must not have more than {ANNOTATION_LIMIT} auditAnnotations");
        e.push(Error::invalid(path, shown, &text));
    }
    for (index, it) in all.iter().enumerate() {
        let (path, key) = (path.index(index), &it.key);
        let at = path.child("key");
        if policy.is_empty() {
            let text = "requires metadata.name be non-empty";
            e.push(Error::invalid(&at, key, text));
        } else {
            let whole = format!("{policy}/{key}");
            check::messages(e, &at, &whole, names::qualified_name_errors(&whole));
        }
        let expression = it.value_expression.trim();
        let value = path.child("valueExpression");
        if expression.is_empty() {
            let text = "valueExpression is not specified";
            e.push(Error::required(&value, text));
        } else if expression.len() > ANNOTATION_BYTES {
            let text = format!("must not exceed {ANNOTATION_BYTES} bytes in length");
            e.push(Error::required(&value, &text));
        }
        if all[..index].iter().any(|before| before.key == *key) {
            e.push(Error::duplicate(&at, key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;
    use serde_json::{Value, json};

    /// A good policy with parts of its spec replaced, and what is said of it.
    fn check(changes: Value, expected: &[&str]) {
        let mut spec = json!({"matchConstraints": {"resourceRules": [{"operations": ["CREATE"], "apiGroups": ["apps"], "apiVersions": ["v1"],
            "resources": ["deployments"]}]}, "validations": [{"expression": "object.spec.replicas <= 5"}]});
        for (key, value) in changes.as_object().unwrap() {
            spec[key] = value.clone();
        }
        let tree = json!({"metadata": {"name": "p"}, "spec": spec});
        let mut object =
            upstream::ValidatingAdmissionPolicy::decode(tree.to_string().as_bytes()).unwrap();
        ValidatingAdmissionPolicy.default(&mut object);
        let errors = ValidatingAdmissionPolicy.validate(&object);
        let found: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{changes}");
    }

    #[test]
    fn fields() {
        check(json!({}), &[]);
        check(
            json!({"failurePolicy": "X"}),
            &[r#"spec.failurePolicy: Unsupported value: "X": supported values: "Fail", "Ignore""#],
        );
        check(
            json!({"matchConstraints": null}),
            &["spec.matchConstraints: Required value"],
        );
        check(
            json!({"matchConstraints": {}}),
            &["spec.matchConstraints.resourceRules: Required value"],
        );
        check(
            json!({"validations": []}),
            &[
                "spec.validations: Required value: validations or auditAnnotations must contain at least one item",
                "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item",
            ],
        );
        check(
            json!({"paramKind": {"apiVersion": "a/b/c", "kind": "K_"}}),
            &[
                r#"spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c"#,
                r#"spec.paramKind.kind: Invalid value: "K_": may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"#,
            ],
        );
        check(
            json!({"variables": [{"name": "for", "expression": ""}]}),
            &[
                r#"spec.variables[0].name: Invalid value: "for": name is not a valid CEL identifier"#,
                "spec.variables[0].expression: Required value: expression is not specified",
            ],
        );
    }

    #[test]
    fn validations_and_annotations() {
        check(
            json!({"validations": [{"expression": " ", "message": "a\nb", "messageExpression": " ", "reason": "X"}]}),
            &[
                "spec.validations[0].expression: Required value: expression is not specified",
                r#"spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified"#,
                r#"spec.validations[0].message: Invalid value: "a\nb": message must not contain line breaks"#,
                r#"spec.validations[0].reason: Unsupported value: "X": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge""#,
            ],
        );
        check(
            json!({"auditAnnotations": [{"key": "k", "valueExpression": "'a'"}, {"key": "k", "valueExpression": ""}]}),
            &[
                "spec.auditAnnotations[1].valueExpression: Required value: valueExpression is not specified",
                r#"spec.auditAnnotations[1].key: Duplicate value: "k""#,
            ],
        );
    }
}
