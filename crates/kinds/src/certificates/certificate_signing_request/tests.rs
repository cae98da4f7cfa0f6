//! Signing requests: errors.

use super::*;
use crate::cases;
use serde_json::{Value, json};

#[test]
fn errors() {
    // "-----BEGIN CERTIFICATE REQUEST-----"
    let base = json!({"metadata": {"name": "a"}, "spec": {"request": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0=", "signerName": "example.com/s", "usages": ["client auth"]}});
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
    let has = |list: Value| json!({"status": {"conditions": list}});
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
