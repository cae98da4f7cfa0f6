//! Endpoints: errors, warnings, printing.

use super::*;
use crate::cases;
use serde_json::{Value, json};

#[test]
fn errors() {
    let base = json!({"metadata": {"name": "a"}});
    let of = |subset: Value| json!({"subsets": [subset]});
    let port = |port: Value| of(json!({"addresses": [{"ip": "10.0.0.1"}], "ports": [port]}));
    cases::creates(
        &Endpoints,
        base.clone(),
        &[
            (port(json!({"port": 80})), &[]),
            (
                of(json!({})),
                &["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"],
            ),
            (
                of(json!({"addresses": [{"ip": "127.0.0.1"}]})),
                &[
                    "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
                ],
            ),
            (
                of(json!({"notReadyAddresses": [{"ip": "010.0.0.1"}]})),
                &[
                    "subsets[0].notReadyAddresses[0].ip: Invalid value: \"010.0.0.1\": must not have leading 0s",
                ],
            ),
            (
                port(json!({"port": 0})),
                &[
                    "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                ],
            ),
            (
                port(json!({"port": 1, "protocol": "Foo"})),
                &[
                    "subsets[0].ports[0].protocol: Unsupported value: \"Foo\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
                ],
            ),
            (
                of(
                    json!({"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 1}, {"name": "b", "port": 2}]}),
                ),
                &["subsets[0].ports[0].name: Required value"],
            ),
        ],
    );
    let old = cases::merged(&base, &of(json!({"addresses": [{"ip": "010.0.0.1"}]})));
    cases::updates(
        &Endpoints,
        old,
        &[(json!({"metadata": {"labels": {"a": "b"}}}), &[])],
    );
    cases::warns(
        &Endpoints,
        base,
        &[(
            of(json!({"addresses": [{"ip": "2001:db8:0::1"}]})),
            &[
                "subsets[0].addresses[0].ip: IPv6 address \"2001:db8:0::1\" should be in RFC 5952 canonical format (\"2001:db8::1\")",
            ],
        )],
    );
}

#[test]
fn rows() {
    let of = |subsets| json!({"metadata": {"name": "a"}, "subsets": subsets});
    assert_eq!(cases::row(&Endpoints, of(json!([]))), "a|<none>|<unknown>");
    let subset = json!({"addresses": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}], "ports": [{"port": 80}, {"port": 81}]});
    assert_eq!(
        cases::row(&Endpoints, of(json!([subset]))),
        "a|10.0.0.1:80,[fd00::1]:80,10.0.0.1:81 + 1 more...|<unknown>"
    );
}
