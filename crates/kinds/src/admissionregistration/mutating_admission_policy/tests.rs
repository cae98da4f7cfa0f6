//! Tables of mutating policies and of their bindings.

use super::*;
use crate::{
    admissionregistration::mutating_admission_policy_binding::MutatingAdmissionPolicyBinding,
    cases::{creates, defaulted, row, updates, warns},
};
use serde_json::{Value, json};

fn policy() -> Value {
    json!({
        "metadata": {"name": "p.example.com"},
        "spec": {
            "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]},
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}}]
        }
    })
}

fn binding() -> Value {
    json!({"metadata": {"name": "b"}, "spec": {"policyName": "p.example.com", "paramRef": {"name": "x", "parameterNotFoundAction": "Deny"}}})
}

fn on(operations: &[&str]) -> Value {
    json!([{"operations": operations, "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}])
}

fn mutations(list: Value) -> Value {
    json!({"spec": {"mutations": list}})
}

#[test]
fn defaults_leave_the_order_of_changes_to_the_user() {
    let spec = &defaulted(&MutatingAdmissionPolicy, policy())["spec"];
    assert_eq!(spec["failurePolicy"], "Fail");
    assert_eq!(spec["matchConstraints"]["matchPolicy"], "Equivalent");
    assert_eq!(
        spec["matchConstraints"]["resourceRules"][0]["scope"],
        json!("*")
    );
    let without = json!({"metadata": {"name": "p"}, "spec": {}});
    let spec = &defaulted(&MutatingAdmissionPolicy, without)["spec"];
    assert_eq!(spec.get("reinvocationPolicy"), None);
}

#[test]
fn policies() {
    let at = "spec.mutations[0]";
    creates(
        &MutatingAdmissionPolicy,
        policy(),
        &[
            (json!({}), &[]),
            (
                json!({"spec": {"failurePolicy": "other", "matchConstraints": null, "mutations": null, "reinvocationPolicy": null}}),
                &[
                    r#"spec.failurePolicy: Unsupported value: "other": supported values: "Fail", "Ignore""#,
                    "spec.matchConstraints: Required value",
                    "spec.mutations: Required value: mutations must contain at least one item",
                    "spec.reinvocationPolicy: Required value",
                ],
            ),
            (
                json!({"spec": {"reinvocationPolicy": "other"}}),
                &[
                    r#"spec.reinvocationPolicy: Unsupported value: "other": supported values: "IfNeeded", "Never""#,
                ],
            ),
            (
                mutations(json!([{"applyConfiguration": {"expression": "Object{}"}}])),
                &[&format!("{at}.patchType: Required value")],
            ),
            (
                mutations(json!([{"patchType": "other"}])),
                &[&format!(
                    r#"{at}.patchType: Unsupported value: "other": supported values: "ApplyConfiguration", "JSONPatch""#
                )],
            ),
            (
                mutations(
                    json!([{"patchType": "JSONPatch", "applyConfiguration": {"expression": "Object{}"}}]),
                ),
                &[
                    &format!(
                        "{at}.jsonPatch: Required value: must be specified when patchType is JSONPatch"
                    ),
                    &format!(
                        r#"{at}.applyConfiguration: Invalid value: "{{applyConfiguration}}": must not be specified when patchType is JSONPatch"#
                    ),
                ],
            ),
            (
                mutations(json!([{"patchType": "JSONPatch", "jsonPatch": {"expression": "  "}}])),
                &[&format!("{at}.jsonPatch.expression: Required value")],
            ),
            (
                json!({"spec": {"matchConstraints": {"resourceRules": on(&["CREATE", "UPDATE", "CONNECT"])}}}),
                &[],
            ),
            (
                json!({"spec": {"matchConstraints": {"resourceRules": on(&["DELETE"])}}}),
                &[
                    r#"spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE""#,
                ],
            ),
            (
                json!({"spec": {"paramKind": {"apiVersion": "v1"}, "matchConditions": [{"expression": "true"}], "variables": [{"name": "a", "expression": " "}]}}),
                &[
                    "spec.paramKind.kind: Required value",
                    "spec.matchConditions[0].name: Required value",
                    "spec.variables[0].expression: Required value: expression is not specified",
                ],
            ),
        ],
    );
    let mut stored = policy();
    stored["spec"]["matchConditions"] = json!([{"expression": "true"}]);
    updates(&MutatingAdmissionPolicy, stored, &[(json!({}), &[])]);
    assert_eq!(
        row(&MutatingAdmissionPolicy, policy()),
        "p.example.com|1|<unset>|<unknown>"
    );
    warns(
        &MutatingAdmissionPolicy,
        policy(),
        &[
            (json!({}), &[]),
            (
                json!({"metadata": {"name": "p.static.k8s.io"}}),
                &[
                    r#"metadata.name: names ending with ".static.k8s.io" will be reserved for static manifest-based configurations when the ManifestBasedAdmissionControlConfig feature gate is enabled"#,
                ],
            ),
        ],
    );
}

#[test]
fn bindings() {
    creates(
        &MutatingAdmissionPolicyBinding,
        binding(),
        &[
            (json!({}), &[]),
            (json!({"spec": {"matchResources": {}}}), &[]),
            (
                json!({"spec": {"policyName": "", "paramRef": {"parameterNotFoundAction": null}}}),
                &[
                    "spec.policyName: Required value",
                    "spec.paramRef.parameterNotFoundAction: Required value",
                ],
            ),
            (
                json!({"spec": {"matchResources": {"resourceRules": on(&["DELETE"])}}}),
                &[
                    r#"spec.matchResources.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE""#,
                ],
            ),
        ],
    );
    assert_eq!(
        row(&MutatingAdmissionPolicyBinding, binding()),
        "b|p.example.com|*/x|<unknown>"
    );
}
