//! Webhooks in, errors out.

use super::*;
use crate::Strategy;
use crate::admissionregistration::mutating_webhook_configuration::MutatingWebhookConfiguration as Mutating;
use crate::admissionregistration::validating_webhook_configuration::ValidatingWebhookConfiguration as Law;
use api::Object;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use serde_json::{Value, json};

fn good() -> Value {
    json!({"name": "a.example.test", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": {"name": "s", "namespace": "n"}},
        "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]})
}

fn configuration(hooks: &[Value]) -> ValidatingWebhookConfiguration {
    let tree = json!({"metadata": {"name": "c"}, "webhooks": hooks});
    let mut object = ValidatingWebhookConfiguration::decode(tree.to_string().as_bytes()).unwrap();
    Law.default(&mut object);
    object
}

fn texts(errors: ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// The good webhook with one field replaced, and what is said of it.
fn check(pointer: &str, value: Value, expected: &[&str]) {
    let mut hook = good();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    hook.pointer_mut(parent).unwrap()[field] = value;
    let found = texts(Law.validate(&configuration(&[hook])));
    let expected: Vec<_> = expected
        .iter()
        .map(|it| format!("webhooks[0].{it}"))
        .collect();
    assert_eq!(found, expected, "{pointer}");
}

#[test]
fn defaults() {
    let object = configuration(&[good()]);
    let hook = &object.webhooks.as_ref().unwrap()[0];
    assert_eq!(hook.failure_policy.as_deref(), Some("Fail"));
    assert_eq!(hook.match_policy.as_deref(), Some("Equivalent"));
    assert_eq!(hook.timeout_seconds, Some(10));
    assert_eq!(hook.namespace_selector, Some(LabelSelector::default()));
    assert_eq!(hook.client_config.service.as_ref().unwrap().port, Some(443));
    assert_eq!(hook.rules.as_ref().unwrap()[0].scope.as_deref(), Some("*"));
    assert_eq!(texts(Law.validate(&object)), Vec::<String>::new());
}

#[test]
fn fields() {
    check(
        "/name",
        json!("a"),
        &[
            r#"name: Invalid value: "a": should be a domain with at least three segments separated by dots"#,
        ],
    );
    check("/name", json!(""), &["name: Required value"]);
    check(
        "/failurePolicy",
        json!("X"),
        &[r#"failurePolicy: Unsupported value: "X": supported values: "Fail", "Ignore""#],
    );
    check(
        "/sideEffects",
        json!("Some"),
        &[r#"sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun""#],
    );
    check(
        "/sideEffects",
        json!(""),
        &["sideEffects: Required value: must specify one of None, NoneOnDryRun"],
    );
    check(
        "/timeoutSeconds",
        json!(31),
        &["timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"],
    );
    check(
        "/admissionReviewVersions",
        json!([]),
        &["admissionReviewVersions: Required value: must specify one of v1, v1beta1"],
    );
    check(
        "/admissionReviewVersions",
        json!(["v9"]),
        &[
            r#"admissionReviewVersions: Invalid value: ["v9"]: must include at least one of v1, v1beta1"#,
        ],
    );
    check(
        "/admissionReviewVersions",
        json!(["v1", "v1"]),
        &[r#"admissionReviewVersions[1]: Invalid value: "v1": duplicate version"#],
    );
    check(
        "/matchConditions",
        json!([{"name": "x", "expression": " "}, {"name": "x", "expression": "true"}]),
        &[
            "matchConditions[0].expression: Required value",
            r#"matchConditions[1].name: Duplicate value: "x""#,
        ],
    );
}

#[test]
fn clients() {
    check(
        "/clientConfig",
        json!({}),
        &["clientConfig: Required value: exactly one of url or service is required"],
    );
    check(
        "/clientConfig",
        json!({"url": "https://example.test/x"}),
        &[],
    );
    check(
        "/clientConfig",
        json!({"url": "http://u@example.test/x?q=1#f"}),
        &[
            r#"clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]"#,
            r#"clientConfig.url: Invalid value: "u": user information is not permitted in the URL"#,
            r#"clientConfig.url: Invalid value: "f": fragments are not permitted in the URL"#,
            r#"clientConfig.url: Invalid value: "q=1": query parameters are not permitted in the URL"#,
        ],
    );
    check(
        "/clientConfig",
        json!({"url": "https:///x"}),
        &[
            r#"clientConfig.url: Invalid value: "": host must be provided; desired format: https://host[/path]"#,
        ],
    );
    let service = |path: &str| json!({"service": {"name": "s", "namespace": "n", "path": path}});
    check("/clientConfig", service("/a/b/"), &[]);
    check(
        "/clientConfig",
        service("/a//b"),
        &[r#"clientConfig.service.path: Invalid value: "/a//b": segment[1] may not be empty"#],
    );
    check(
        "/clientConfig",
        service("a"),
        &[
            r#"clientConfig.service.path: Invalid value: "a": must start with a '/'"#,
            r#"clientConfig.service.path: Invalid value: "a": segment[0] may not be empty"#,
        ],
    );
}

#[test]
fn rules_of_webhooks() {
    check(
        "/rules",
        json!([{}]),
        &[
            "rules[0].operations: Required value",
            "rules[0].apiGroups: Required value",
            "rules[0].apiVersions: Required value",
            "rules[0].resources: Required value",
        ],
    );
    check(
        "/rules/0/operations",
        json!(["*", "CREATE"]),
        &[
            r#"rules[0].operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations"#,
        ],
    );
    check(
        "/rules/0/operations",
        json!(["PATCH"]),
        &[
            r#"rules[0].operations[0]: Unsupported value: "PATCH": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE""#,
        ],
    );
    check(
        "/rules/0/resources",
        json!(["pods/*", "pods/log"]),
        &[
            r#"rules[0].resources[1]: Invalid value: "pods/log": if 'pods/*' is present, must not specify pods/log"#,
        ],
    );
    check(
        "/rules/0/resources",
        json!(["*/*", "pods"]),
        &[
            r#"rules[0].resources: Invalid value: ["*/*","pods"]: if '*/*' is present, must not specify other resources"#,
        ],
    );
    check(
        "/rules/0/resources",
        json!(["*", "pods"]),
        &[
            r#"rules[0].resources: Invalid value: ["*","pods"]: if '*' is present, must not specify other resources without subresources"#,
        ],
    );
    check(
        "/rules/0/scope",
        json!("X"),
        &[
            r#"rules[0].scope: Unsupported value: "X": supported values: "*", "Cluster", "Namespaced""#,
        ],
    );
}

#[test]
fn what_was_wrong_before_may_stay() {
    let mut bad = good();
    bad["sideEffects"] = json!("Some");
    let (bad, fine) = (configuration(&[bad.clone(), bad]), configuration(&[good()]));
    let update = |old| texts(crate::Law::validate_update(&Law, &bad, old));
    assert_eq!(update(&bad), Vec::<String>::new());
    let found = update(&fine);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(
        found[2],
        r#"webhooks[1].name: Duplicate value: "a.example.test""#
    );
}

#[test]
fn mutating_ones_may_be_called_again() {
    let mut hook = good();
    let read = |hook: &Value| {
        let tree = json!({"metadata": {"name": "c"}, "webhooks": [hook]});
        let mut object = MutatingWebhookConfiguration::decode(tree.to_string().as_bytes()).unwrap();
        Mutating.default(&mut object);
        object
    };
    let object = read(&hook);
    let policy = object.webhooks.as_ref().unwrap()[0]
        .reinvocation_policy
        .as_deref();
    assert_eq!(policy, Some("Never"));
    hook["reinvocationPolicy"] = json!("X");
    assert_eq!(
        texts(Mutating.validate(&read(&hook))),
        [
            r#"webhooks[0].reinvocationPolicy: Unsupported value: "X": supported values: "IfNeeded", "Never""#
        ]
    );
}
