//! Signing requests: errors.

use super::*;
use crate::cases;
use serde_json::{Value, json};

/// A request by `CN=a`, signed with a key of P-256.
const REQUEST: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIRk1HNENBUUF3RERFS01BZ0dBMVVFQXd3QllUQlpNQk1HQnlxR1NNNDlBZ0VHQ0NxR1NNNDlBd0VIQTBJQQpCSlRsSWdyNUhKMVZvOG9LT0QrZWhMcTFJZEhkcU11ZjlqL1RzOFdvdUptcUZlYkl1c0NFRllRVGFoUUtWeXpDCkx0NXlHdjBUciszc01TSzZnWkY3eC8yZ0FEQUtCZ2dxaGtqT1BRUURBZ05IQURCRUFpQUxmY3hwUWFGdWtlK3oKLzZLaitsSkNNOEpsa2E2S2pLVFBqMzhBZWk4LzBBSWdRUmFuSlJFdlg2YlBScU14YWEzYjkyY2pkWmlKTXVRbworY1NmczVhZ3E1TT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==";

fn base() -> Value {
    json!({"metadata": {"name": "a"}, "spec": {"request": REQUEST, "signerName": "example.com/s", "usages": ["client auth"]}})
}

fn has(list: Value) -> Value {
    json!({"status": {"conditions": list}})
}

#[test]
fn errors() {
    let base = base();
    let spec = |it| json!({"spec": it});
    cases::creates(
        &CertificateSigningRequest,
        base.clone(),
        &[
            (json!({}), &[]),
            (
                spec(json!({"request": "YQ=="})),
                &[
                    "spec.request: Invalid value: \"YQ==\": PEM block type must be CERTIFICATE REQUEST",
                ],
            ),
            (
                spec(json!({"usages": []})),
                &["spec.usages: Required value: usages must be provided"],
            ),
            (
                spec(json!({"usages": ["any", "any"]})),
                &["spec.usages[1]: Duplicate value: \"any\""],
            ),
            (
                spec(json!({"signerName": "kubernetes.io/legacy-unknown"})),
                &[
                    "spec.signerName: Invalid value: \"kubernetes.io/legacy-unknown\": the legacy signerName is not allowed via this API version",
                ],
            ),
            (
                spec(json!({"signerName": "s"})),
                &[
                    "spec.signerName: Invalid value: \"s\": must be a fully qualified domain and path of the form 'example.com/signer-name'",
                ],
            ),
            (
                spec(json!({"signerName": ""})),
                &["spec.signerName: Required value: signerName must be provided"],
            ),
            (
                spec(json!({"signerName": "a_.b_/s"})),
                &[
                    "spec.signerName: Invalid value: \"a_.b_\": validating label \"a_\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
                ],
            ),
            (
                spec(json!({"signerName": "a.b/s."})),
                &[
                    "spec.signerName: Invalid value: \"s.\": validating label \"\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
                ],
            ),
            (
                spec(json!({"expirationSeconds": 599})),
                &[
                    "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)",
                ],
            ),
        ],
    );
    let approved = || json!({"type": "Approved", "status": "True", "lastUpdateTime": "2020-01-01T00:00:00Z", "lastTransitionTime": "2020-01-01T00:00:00Z"});
    cases::changes(
        &CertificateSigningRequest,
        "approval",
        base.clone(),
        &[
            (has(json!([approved()])), &[]),
            (
                has(json!([{"type": "Approved", "status": "False"}])),
                &[
                    "status.conditions[0].status: Unsupported value: \"False\": supported values: \"True\"",
                ],
            ),
            (
                has(json!([approved(), {"type": "Denied"}])),
                &[
                    "status.conditions[1].type: Invalid value: \"Denied\": Approved and Denied conditions are mutually exclusive",
                ],
            ),
            (
                has(json!([approved(), approved()])),
                &["status.conditions[1].type: Duplicate value: \"Approved\""],
            ),
        ],
    );
    cases::changes(
        &CertificateSigningRequest,
        "status",
        base.clone(),
        &[
            (
                has(json!([approved()])),
                &[
                    "status.conditions: Forbidden: updates may not add a condition of type \"Approved\"",
                ],
            ),
            (has(json!([{"type": "Failed"}])), &[]),
            (
                json!({"status": {"certificate": "YQ=="}}),
                &[
                    "status.certificate: Invalid value: \"<certificate data>\": must contain at least one CERTIFICATE PEM block",
                ],
            ),
        ],
    );
    cases::changes(
        &CertificateSigningRequest,
        "status",
        cases::merged(&base, &has(json!([approved()]))),
        &[(
            has(json!([])),
            &[
                "status.conditions: Forbidden: updates may not remove a condition of type \"Approved\"",
            ],
        )],
    );
}

/// The status does not decide: what was decided is put back. Approval does nothing else.
#[test]
fn who_writes_what() {
    let law = &CertificateSigningRequest;
    let day = |day: u8| format!("2020-01-0{day}T00:00:00Z");
    let approved = |why: &str, at: u8| json!({"type": "Approved", "status": "True", "message": why, "lastUpdateTime": day(at), "lastTransitionTime": day(at)});
    let write = |part: &str, old: &Value, new: &Value| {
        let [old, mut new] = [old, new].map(|it| cases::object(law, &cases::merged(&base(), it)));
        law.prepare_for_subresource(part, &cases::CONTEXT, &mut new, &old);
        assert_eq!(crate::Law::validate_subresource(law, part, &new, &old), []);
        let tree: Value = serde_json::from_slice(&api::Object::encode(&new)).unwrap();
        tree["status"].clone()
    };
    let failed = json!({"type": "Failed", "status": "True"});
    let old = has(json!([approved("a", 1)]));
    let status = write("status", &old, &has(json!([failed, approved("b", 2)])));
    assert_eq!(status["conditions"][1], approved("a", 1));
    assert_eq!(
        status["conditions"][0]["lastUpdateTime"],
        "1970-01-01T00:00:00Z"
    );
    // The same condition stood before.
    let undated = json!({"type": "Failed", "status": "True"});
    let old = has(
        json!([{"type": "Failed", "status": "True", "lastUpdateTime": day(1), "lastTransitionTime": day(1)}]),
    );
    let status = write("status", &old, &has(json!([undated])));
    assert_eq!(status["conditions"][0]["lastTransitionTime"], day(1));
    assert_eq!(
        status["conditions"][0]["lastUpdateTime"],
        "1970-01-01T00:00:00Z"
    );
    let old = json!({"status": {"certificate": "YQ=="}});
    let new = json!({"status": {"certificate": "Yg==", "conditions": [approved("a", 1)]}});
    let status = write("approval", &old, &new);
    let both = json!({"certificate": "YQ==", "conditions": [approved("a", 1)]});
    assert_eq!(status, both);
}

/// Requests that were written as of old go on as they are.
#[test]
fn what_was_wrong_before_may_stay() {
    let law = &CertificateSigningRequest;
    let odd = json!({"spec": {"usages": ["any", "any", "odd"], "signerName": "kubernetes.io/legacy-unknown", "request": "YQ=="},
        "status": {"certificate": "YQ==", "conditions": [{"type": "", "status": "True"}, {"type": "Approved"}, {"type": "Denied"}, {"type": "Denied"}]}});
    let old = cases::merged(&base(), &odd);
    let found = law.validate(&cases::object(law, &old));
    assert_eq!(found.len(), 9, "{found:?}");
    let touched = json!({"metadata": {"labels": {"touched": "yes"}}});
    cases::updates(law, old.clone(), &[(touched.clone(), &[])]);
    cases::changes(law, "approval", old, &[(touched, &[])]);
}
