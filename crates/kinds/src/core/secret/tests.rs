//! Secrets: errors, warnings, defaults.

use super::*;
use crate::cases;
use api::Object;
use serde_json::json;

#[test]
fn types_need_their_keys() {
    let base = json!({"metadata": {"name": "a"}});
    let typed = |kind: &str, data| json!({"type": kind, "stringData": data});
    const REDACTED: &str = "Invalid value: \"<secret contents redacted>\"";
    cases::creates(
        &Secret,
        base.clone(),
        &[
            (typed("example.com/any", json!({})), &[]),
            (
                typed("kubernetes.io/service-account-token", json!({})),
                &["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
            ),
            (
                typed("kubernetes.io/dockercfg", json!({})),
                &["data[.dockercfg]: Required value"],
            ),
            (
                typed("kubernetes.io/dockercfg", json!({".dockercfg": "{}"})),
                &[],
            ),
            (
                typed(
                    "kubernetes.io/dockerconfigjson",
                    json!({".dockerconfigjson": ""}),
                ),
                &[&format!(
                    "data[.dockerconfigjson]: {REDACTED}: unexpected end of JSON input"
                )],
            ),
            (
                typed(
                    "kubernetes.io/dockerconfigjson",
                    json!({".dockerconfigjson": "[]"}),
                ),
                &[&format!(
                    "data[.dockerconfigjson]: {REDACTED}: json: cannot unmarshal array into Go value of type map[string]interface {{}}"
                )],
            ),
            (
                typed(
                    "kubernetes.io/dockerconfigjson",
                    json!({".dockerconfigjson": "x"}),
                ),
                &[&format!(
                    "data[.dockerconfigjson]: {REDACTED}: invalid character 'x' looking for beginning of value"
                )],
            ),
            (
                typed("kubernetes.io/basic-auth", json!({})),
                &[
                    "data[username]: Required value",
                    "data[password]: Required value",
                ],
            ),
            (
                typed("kubernetes.io/basic-auth", json!({"username": ""})),
                &[],
            ),
            (
                typed("kubernetes.io/ssh-auth", json!({"ssh-privatekey": ""})),
                &["data[ssh-privatekey]: Required value"],
            ),
            (
                typed("kubernetes.io/tls", json!({"tls.crt": ""})),
                &["data[tls.key]: Required value"],
            ),
        ],
    );
    cases::warns(
        &Secret,
        base,
        &[(
            typed("kubernetes.io/tls", json!({"tls.crt": "a"})),
            &["tls: failed to find any PEM data in certificate input"],
        )],
    );
}

#[test]
fn frozen_secrets_stay_as_they_are() {
    let base = json!({"metadata": {"name": "a"}, "immutable": true, "data": {"a": "YQ=="}});
    cases::updates(
        &Secret,
        base,
        &[
            (json!({"metadata": {"labels": {"a": "b"}}}), &[]),
            (
                json!({"immutable": null}),
                &["immutable: Forbidden: field is immutable when `immutable` is set"],
            ),
            (
                json!({"data": {"a": "Yg=="}}),
                &["data: Forbidden: field is immutable when `immutable` is set"],
            ),
        ],
    );
}

#[test]
fn plain_texts_become_data_and_the_type_stays() {
    let mut it =
        upstream::Secret::decode(br#"{"metadata":{"name":"a"},"stringData":{"k":"v"}}"#).unwrap();
    Secret.default(&mut it);
    assert_eq!(it.data.as_ref().unwrap()["k"].0, b"v");
    assert_eq!(it.type_.as_deref(), Some("Opaque"));
    let mut new = it.clone();
    new.type_ = Some("kubernetes.io/tls".to_owned());
    let texts: Vec<_> = Secret
        .validate_update(&new, &it)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        texts,
        [
            r#"type: Invalid value: "kubernetes.io/tls": field is immutable"#,
            "data[tls.crt]: Required value",
            "data[tls.key]: Required value"
        ]
    );
}
