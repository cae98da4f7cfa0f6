//! Addresses behind a service in the old form; EndpointSlice replaces it.

mod validate;

use crate::{
    Cell, Column, Names, Strategy,
    columns::{self, NONE},
    pod_spec::defaults::text,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;
use machinery::field::ErrorList;

/// The law of Endpoints.
pub(crate) struct Endpoints;

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";

impl Strategy for Endpoints {
    type Object = upstream::Endpoints;

    fn names(&self) -> Names {
        Names::namespaced("endpoints", "endpoints").short(&["ep"])
    }

    fn default(&self, object: &mut upstream::Endpoints) {
        for subset in object.subsets.iter_mut().flatten() {
            for port in subset.ports.iter_mut().flatten() {
                text(&mut port.protocol, "TCP");
            }
        }
    }

    fn validate(&self, object: &upstream::Endpoints) -> ErrorList {
        validate::endpoints(object, &[])
    }

    fn validate_update(&self, new: &upstream::Endpoints, old: &upstream::Endpoints) -> ErrorList {
        let known: Vec<_> = validate::addresses(old)
            .map(|it| it.1.ip.as_str())
            .collect();
        validate::endpoints(new, &known)
    }

    fn warnings(&self, new: &upstream::Endpoints, _: Option<&upstream::Endpoints>) -> Vec<String> {
        let labels = new.metadata.labels.as_ref();
        // The controller writes what it has read from the Service, which warned already.
        if labels
            .and_then(|it| it.get(MANAGED_BY))
            .is_some_and(|it| it == "endpoint-controller")
        {
            return Vec::new();
        }
        let addresses = validate::addresses(new);
        let warnings = addresses.flat_map(|(path, it)| {
            machinery::addresses::address_warnings(&path.child("ip"), &it.ip)
        });
        warnings.collect()
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Endpoints",
                    "The set of all endpoints is the union of all subsets. Addresses are placed into subsets according to the IPs they share. A single address with multiple ports, some of which are ready and some of which are not (because they come from different containers) will result in the address being displayed in different subsets for the different ports. No address will appear in both Addresses and NotReadyAddresses in the same subset. Sets of addresses and ports that comprise a service.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::Endpoints, now: Timestamp) -> Vec<Cell> {
        let mut all = Vec::new();
        for subset in object.subsets.iter().flatten() {
            let addresses = || subset.addresses.iter().flatten();
            match subset.ports.as_deref() {
                None | Some([]) => all.extend(addresses().map(|it| it.ip.clone())),
                Some(ports) => all.extend(ports.iter().flat_map(|port| {
                    addresses().map(|it| {
                        if it.ip.contains(':') {
                            format!("[{}]:{}", it.ip, port.port)
                        } else {
                            format!("{}:{}", it.ip, port.port)
                        }
                    })
                })),
            }
        }
        let none = object.subsets.as_ref().is_none_or(Vec::is_empty);
        let shown = if none {
            NONE.to_owned()
        } else {
            columns::some_of(&all)
        };
        vec![
            columns::name(&object.metadata),
            shown.into(),
            columns::age(&object.metadata, now),
        ]
    }

    fn create_on_update(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
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
                    &[
                        "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
                    ],
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
}
