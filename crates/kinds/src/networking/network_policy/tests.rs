//! Network policies: errors and warnings.

use super::*;
use crate::cases;
use serde_json::{Value, json};

#[test]
fn errors_and_warnings() {
    let base = json!({"metadata": {"name": "a"}, "spec": {"podSelector": {}}});
    let from = |peer: Value| json!({"spec": {"ingress": [{"from": [peer]}]}});
    let port = |port: Value| json!({"spec": {"egress": [{"ports": [port]}]}});
    let block =
        |cidr: &str, except: &[&str]| from(json!({"ipBlock": {"cidr": cidr, "except": except}}));
    const FROM: &str = "spec.ingress[0].from[0]";
    const PORT: &str = "spec.egress[0].ports[0]";
    cases::creates(
        &NetworkPolicy,
        base.clone(),
        &[
            (json!({}), &[]),
            (block("10.0.0.0/8", &["10.1.0.0/16"]), &[]),
            (
                block("", &[]),
                &[&format!("{FROM}.ipBlock.cidr: Required value")],
            ),
            (
                block("10.0.0.1/8", &[]),
                &[&format!(
                    "{FROM}.ipBlock.cidr: Invalid value: \"10.0.0.1/8\": must not have bits set beyond the prefix length"
                )],
            ),
            (
                block("10.0.0.0/8", &["11.0.0.0/16"]),
                &[&format!(
                    "{FROM}.ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr`"
                )],
            ),
            (
                from(json!({})),
                &[&format!("{FROM}: Required value: must specify a peer")],
            ),
            (
                from(json!({"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}})),
                &[&format!(
                    "{FROM}: Forbidden: may not specify both ipBlock and another peer"
                )],
            ),
            (port(json!({"port": 1, "endPort": 2})), &[]),
            (
                port(json!({"port": 2, "endPort": 1})),
                &[&format!(
                    "{PORT}.endPort: Invalid value: 1: must be greater than or equal to `port`"
                )],
            ),
            (
                port(json!({"port": "a", "endPort": 1})),
                &[&format!(
                    "{PORT}.endPort: Invalid value: 1: may not be specified when `port` is non-numeric"
                )],
            ),
            (
                port(json!({"endPort": 1})),
                &[&format!(
                    "{PORT}.endPort: Invalid value: 1: may not be specified when `port` is not specified"
                )],
            ),
            (
                port(json!({"protocol": "Foo"})),
                &[&format!(
                    "{PORT}.protocol: Unsupported value: \"Foo\": supported values: \"TCP\", \"UDP\", \"SCTP\""
                )],
            ),
            (
                json!({"spec": {"policyTypes": ["Foo"]}}),
                &[
                    "spec.policyTypes[0]: Unsupported value: \"Foo\": supported values: \"Ingress\", \"Egress\"",
                ],
            ),
        ],
    );
    let old = cases::merged(&base, &block("10.0.0.1/8", &[]));
    cases::updates(&NetworkPolicy, old, &[(json!({}), &[])]);
    cases::warns(
        &NetworkPolicy,
        base,
        &[(
            block("10.0.0.1/8", &[]),
            &[&format!(
                "{FROM}.ipBlock.cidr: CIDR value \"10.0.0.1/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.0.0.1/32\"?)"
            )],
        )],
    );
}
