//! Endpoint slices: errors, warnings, printing.

use super::*;
use crate::cases;
use serde_json::{Value, json};

#[test]
fn errors_and_warnings() {
    let base = json!({"metadata": {"name": "a"}, "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"name": "p", "port": 80}]});
    let end =
        |it: Value| json!({"endpoints": [cases::merged(&json!({"addresses": ["10.0.0.1"]}), &it)]});
    let zones = |names: &[&str]| {
        end(
            json!({"hints": {"forZones": names.iter().map(|it| json!({"name": it})).collect::<Vec<_>>()}}),
        )
    };
    const AT: &str = "endpoints[0].addresses";
    cases::creates(
        &EndpointSlice,
        base.clone(),
        &[
            (json!({}), &[]),
            (
                json!({"addressType": "IP"}),
                &[
                    "addressType: Unsupported value: \"IP\": supported values: \"FQDN\", \"IPv4\", \"IPv6\"",
                ],
            ),
            (
                end(json!({"addresses": []})),
                &[&format!(
                    "{AT}: Required value: must contain at least 1 address"
                )],
            ),
            (
                end(json!({"addresses": ["fd00::1"]})),
                &[&format!(
                    "{AT}[0]: Invalid value: \"fd00::1\": must be an IPv4 address"
                )],
            ),
            (
                end(json!({"addresses": ["127.0.0.1"]})),
                &[&format!(
                    "{AT}[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)"
                )],
            ),
            (
                json!({"addressType": "FQDN", "endpoints": [{"addresses": ["a"]}]}),
                &[&format!(
                    "{AT}[0]: Invalid value: \"a\": should be a domain with at least two segments separated by dots"
                )],
            ),
            (
                zones(&["a", "a"]),
                &["endpoints[0].hints.forZones[1].name: Duplicate value: \"a\""],
            ),
            (
                zones(&["a"; 9]),
                &["endpoints[0].hints.forZones: Too many: 9: must have at most 8 items"],
            ),
            (
                json!({"ports": [{"name": "p", "port": 80}, {"name": "p", "port": 81}]}),
                &["ports[1].name: Duplicate value: \"p\""],
            ),
            (
                json!({"ports": [{"protocol": "Foo"}]}),
                &[
                    "ports[0].protocol: Unsupported value: \"Foo\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
                ],
            ),
        ],
    );
    cases::updates(
        &EndpointSlice,
        base.clone(),
        &[
            (end(json!({"addresses": ["10.0.0.2"]})), &[]),
            (
                json!({"addressType": "IPv6", "endpoints": []}),
                &["addressType: Invalid value: \"IPv6\": field is immutable"],
            ),
        ],
    );
    cases::warns(
        &EndpointSlice,
        base.clone(),
        &[(
            json!({"addressType": "FQDN", "endpoints": [{"addresses": ["a.b"]}]}),
            &["spec.addressType: FQDN endpoints are deprecated"],
        )],
    );
    assert_eq!(
        cases::row(&EndpointSlice, base),
        "a|IPv4|80|10.0.0.1|<unknown>"
    );
}
