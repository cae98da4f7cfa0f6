//! Ingresses: errors, warnings, printing.

use super::*;
use crate::cases;
use serde_json::{Value, json};

#[test]
fn errors_and_warnings() {
    let service = json!({"service": {"name": "s", "port": {"number": 80}}});
    let base = json!({"metadata": {"name": "a"}, "spec": {"defaultBackend": service}});
    let rule = |host: &str, path: Value| json!({"spec": {"rules": [{"host": host, "http": {"paths": [cases::merged(&json!({"pathType": "Prefix", "path": "/", "backend": service}), &path)]}}]}});
    let backend = |it: Value| json!({"spec": {"defaultBackend": it}});
    const AT: &str = "spec.rules[0].http.paths[0]";
    cases::creates(
        &Ingress,
        base.clone(),
        &[
            (json!({}), &[]),
            (rule("a.b", json!({})), &[]),
            (
                json!({"spec": {"defaultBackend": null}}),
                &[
                    "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified",
                ],
            ),
            (
                rule("10.0.0.1", json!({})),
                &[
                    "spec.rules[0].host: Invalid value: \"10.0.0.1\": must be a DNS name, not an IP address",
                ],
            ),
            (
                rule("", json!({"path": "a"})),
                &[&format!(
                    "{AT}.path: Invalid value: \"a\": must be an absolute path"
                )],
            ),
            (
                rule("", json!({"path": "/a//b/.."})),
                &[
                    &format!("{AT}.path: Invalid value: \"/a//b/..\": must not contain '//'"),
                    &format!("{AT}.path: Invalid value: \"/a//b/..\": cannot end with '/..'"),
                ],
            ),
            (
                rule("", json!({"pathType": "Foo"})),
                &[&format!(
                    "{AT}.pathType: Unsupported value: \"Foo\": supported values: \"Exact\", \"ImplementationSpecific\", \"Prefix\""
                )],
            ),
            (
                rule("", json!({"backend": {"service": null}})),
                &[&format!(
                    "{AT}.backend: Invalid value: \"\": resource or service backend is required"
                )],
            ),
            (
                backend(json!({"service": {"port": {"number": null}}})),
                &["spec.defaultBackend: Required value: port name or number is required"],
            ),
            (
                backend(json!({"service": {"port": {"name": "p"}}})),
                &[
                    "spec.defaultBackend: Invalid value: \"\": cannot set both port name & port number",
                ],
            ),
            (
                backend(json!({"resource": {"kind": "K", "name": "n"}})),
                &[
                    "spec.defaultBackend: Invalid value: \"\": cannot set both resource and service backends",
                ],
            ),
            (
                json!({"metadata": {"annotations": {CLASS: "a"}}, "spec": {"ingressClassName": "b"}}),
                &[
                    "annotations.kubernetes.io/ingress.class: Invalid value: \"a\": must match `ingressClassName` when both are specified",
                ],
            ),
        ],
    );
    cases::changes(
        &Ingress,
        "status",
        base.clone(),
        &[
            (
                json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}),
                &[],
            ),
            (
                json!({"status": {"loadBalancer": {"ingress": [{"hostname": "192.0.2.1"}]}}}),
                &[
                    "status.loadBalancer.ingress[0].hostname: Invalid value: \"192.0.2.1\": must be a DNS name, not an IP address",
                ],
            ),
        ],
    );
    cases::warns(
        &Ingress,
        base.clone(),
        &[(
            json!({"metadata": {"annotations": {CLASS: "a"}}}),
            &[
                "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead",
            ],
        )],
    );
    assert_eq!(cases::row(&Ingress, base), "a|<none>|*||80|<unknown>");
}
