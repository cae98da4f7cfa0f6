//! Where a ValidatingAdmissionPolicy applies.

use super::{policies, rules};
use crate::{Cell, Column, Names, Strategy, check, columns, prepare};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1 as upstream;
use machinery::field::{Error, ErrorList, Path};

const ACTIONS: &[&str] = &["Audit", "Deny", "Warn"];

/// The law of ValidatingAdmissionPolicyBinding.
pub(crate) struct ValidatingAdmissionPolicyBinding;

impl Strategy for ValidatingAdmissionPolicyBinding {
    type Object = upstream::ValidatingAdmissionPolicyBinding;

    fn names(&self) -> Names {
        Names::cluster(
            "validatingadmissionpolicybindings",
            "validatingadmissionpolicybinding",
        )
        .categories(&["api-extensions"])
    }

    fn default(&self, object: &mut upstream::ValidatingAdmissionPolicyBinding) {
        if let Some(matches) = &mut object.spec.match_resources {
            rules::default_matches(matches);
        }
    }

    prepare::generation!(spec);

    fn validate(&self, object: &upstream::ValidatingAdmissionPolicyBinding) -> ErrorList {
        let mut errors = ErrorList::new();
        let (e, path) = (&mut errors, Path::new("spec"));
        let spec = &object.spec;
        policies::policy_name(e, &path.child("policyName"), Some(&spec.policy_name));
        if let Some(reference) = &spec.param_ref {
            policies::param_ref(e, &path.child("paramRef"), reference);
        }
        if let Some(matches) = &spec.match_resources {
            // Misspelt as upstream has it.
            rules::matches(e, &path.child("matchResouces"), matches);
        }
        actions(
            e,
            &path.child("validationActions"),
            &spec.validation_actions,
        );
        errors
    }

    policies::warnings!();

    fn unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        policies::BINDING_COLUMNS
    }

    fn row(
        &self,
        object: &upstream::ValidatingAdmissionPolicyBinding,
        now: Timestamp,
    ) -> Vec<Cell> {
        let spec = &object.spec;
        vec![
            columns::name(&object.metadata),
            spec.policy_name.as_str().into(),
            policies::reference_cell(spec.param_ref.as_ref()),
            columns::age(&object.metadata, now),
        ]
    }
}

fn actions(e: &mut ErrorList, path: &Path, all: &[String]) {
    for (index, action) in all.iter().enumerate() {
        let at = path.index(index);
        check::supported(e, &at, Some(action), ACTIONS);
        if all[..index].contains(action) {
            e.push(Error::duplicate(&at, action));
        }
    }
    let has = |action: &str| all.iter().any(|it| it == action);
    if has("Deny") && has("Warn") {
        let text = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
        e.push(Error::invalid(path, serde_json::json!(all), text));
    }
    if all.is_empty() {
        let text = "at least one validation action is required";
        e.push(Error::required(path, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;
    use serde_json::{Value, json};

    fn read(spec: Value) -> upstream::ValidatingAdmissionPolicyBinding {
        let tree = json!({"metadata": {"name": "b"}, "spec": spec});
        let mut object =
            upstream::ValidatingAdmissionPolicyBinding::decode(tree.to_string().as_bytes())
                .unwrap();
        ValidatingAdmissionPolicyBinding.default(&mut object);
        object
    }

    #[test]
    fn fields() {
        let check = |spec: Value, expected: &[&str]| {
            let errors = ValidatingAdmissionPolicyBinding.validate(&read(spec));
            let found: Vec<_> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected);
        };
        check(
            json!({"policyName": "p", "validationActions": ["Deny"], "matchResources": {}}),
            &[],
        );
        check(
            json!({"policyName": "", "validationActions": []}),
            &[
                "spec.policyName: Required value",
                "spec.validationActions: Required value: at least one validation action is required",
            ],
        );
        check(
            json!({"policyName": "p", "validationActions": ["Warn", "Deny"], "paramRef": {"name": "a", "selector": {}, "parameterNotFoundAction": "X"}}),
            &[
                "spec.paramRef.name: Forbidden: name and selector are mutually exclusive",
                "spec.paramRef.selector: Forbidden: name and selector are mutually exclusive",
                r#"spec.paramRef.parameterNotFoundAction: Unsupported value: "X": supported values: "Deny", "Allow""#,
                r#"spec.validationActions: Invalid value: ["Warn","Deny"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"#,
            ],
        );
    }

    #[test]
    fn rows() {
        let table = [
            (json!({"policyName": "p"}), "<unset>"),
            (json!({"policyName": "p", "paramRef": {"name": "a"}}), "*/a"),
            (
                json!({"policyName": "p", "paramRef": {"name": "a", "namespace": "n"}}),
                "n/a",
            ),
            (
                json!({"policyName": "p", "paramRef": {"selector": {"matchLabels": {"k": "v"}}}}),
                "&LabelSelector{MatchLabels:map[string]string{k: v,},MatchExpressions:[]LabelSelectorRequirement{},}",
            ),
        ];
        for (spec, shown) in table {
            let row = ValidatingAdmissionPolicyBinding.row(&read(spec), Timestamp::UNIX_EPOCH);
            assert_eq!(row[2], shown.into());
        }
    }
}
