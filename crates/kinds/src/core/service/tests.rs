//! Services: defaults, errors, printing.

use super::*;
use crate::cases;
use api::Object;
use serde_json::{Value, json};

fn service(spec: serde_json::Value) -> upstream::Service {
    let json = serde_json::json!({"metadata": {"name": "x"}, "spec": spec}).to_string();
    let mut service = upstream::Service::decode(json.as_bytes()).unwrap();
    Service.default(&mut service);
    service
}

#[test]
fn defaults_are_upstreams() {
    let it = service(serde_json::json!({"ports": [{"port": 80}]}));
    let tree: serde_json::Value = serde_json::from_slice(&it.encode()).unwrap();
    assert_eq!(
        tree["spec"],
        serde_json::json!({"internalTrafficPolicy": "Cluster", "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        "sessionAffinity": "None", "type": "ClusterIP"})
    );
    assert_eq!(tree["status"], serde_json::json!({"loadBalancer": {}}));
}

fn base() -> Value {
    json!({"metadata": {"name": "x"}, "spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "ports": [{"name": "a", "port": 80}]}})
}

fn spec(patch: Value) -> Value {
    json!({"spec": patch})
}

#[test]
fn errors_of_types_and_ports() {
    const RANGE: &str = "must be between 1 and 65535, inclusive";
    const NAMELESS: &str = "may not be set for ExternalName services";
    let none = json!({"clusterIP": "None", "clusterIPs": ["None"]});
    let second = |port: Value| spec(json!({"ports": [{"name": "a", "port": 80}, port]}));
    cases::creates(
        &Service,
        base(),
        &[
            (json!({}), &[]),
            (spec(json!({"ports": []})), &["spec.ports: Required value"]),
            (spec(cases::merged(&none, &json!({"ports": []}))), &[]),
            (
                spec(cases::merged(&none, &json!({"type": "NodePort"}))),
                &[
                    "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services",
                ],
            ),
            (
                spec(json!({"type": "Foo"})),
                &[
                    "spec.type: Unsupported value: \"Foo\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
                ],
            ),
            (
                spec(json!({"type": "ExternalName"})),
                &[
                    &format!("spec.clusterIPs: Forbidden: {NAMELESS}"),
                    &format!("spec.ipFamilies: Forbidden: {NAMELESS}"),
                    &format!("spec.ipFamilyPolicy: Forbidden: {NAMELESS}"),
                    "spec.externalName: Required value",
                ],
            ),
            (
                spec(json!({"ports": [{"port": 0, "targetPort": 70000}]})),
                &[
                    &format!("spec.ports[0].port: Invalid value: 0: {RANGE}"),
                    &format!("spec.ports[0].targetPort: Invalid value: 70000: {RANGE}"),
                ],
            ),
            (
                second(json!({"port": 81})),
                &["spec.ports[1].name: Required value"],
            ),
            (
                second(json!({"name": "a", "port": 81})),
                &["spec.ports[1].name: Duplicate value: \"a\""],
            ),
            (
                second(json!({"name": "b", "port": 80})),
                &[
                    "spec.ports[1]: Duplicate value: {\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":null,\"Port\":80,\"TargetPort\":0,\"NodePort\":0}",
                ],
            ),
            (
                second(json!({"name": "b", "port": 80, "protocol": "UDP"})),
                &[],
            ),
            (
                spec(json!({"ports": [{"port": 80, "nodePort": 30000}]})),
                &["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
            ),
        ],
    );
}

#[test]
fn errors_of_traffic_and_affinity() {
    const ONLY: &str = "Forbidden: may only be used when `type` is 'LoadBalancer'";
    cases::creates(
        &Service,
        base(),
        &[
            (
                spec(
                    json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}}}),
                ),
                &[
                    "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400",
                ],
            ),
            (
                spec(json!({"sessionAffinity": "Foo"})),
                &[
                    "spec.sessionAffinity: Unsupported value: \"Foo\": supported values: \"ClientIP\", \"None\"",
                ],
            ),
            (
                spec(json!({"externalTrafficPolicy": "Local"})),
                &[
                    "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for externally-accessible services",
                ],
            ),
            (
                spec(json!({"externalTrafficPolicy": "Local", "externalIPs": ["192.0.2.1"]})),
                &[],
            ),
            (
                spec(json!({"externalIPs": ["127.0.0.1"]})),
                &[
                    "spec.externalIPs[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
                ],
            ),
            (
                spec(json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local"})),
                &["spec.healthCheckNodePort: Required value"],
            ),
            (
                spec(
                    json!({"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30000}),
                ),
                &[],
            ),
            (
                spec(json!({"healthCheckNodePort": 30000})),
                &[
                    "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
                ],
            ),
            (
                spec(json!({"internalTrafficPolicy": "Foo"})),
                &[
                    "spec.internalTrafficPolicy: Unsupported value: \"Foo\": supported values: \"Cluster\", \"Local\"",
                ],
            ),
            (
                spec(json!({"trafficDistribution": "Foo"})),
                &[
                    "spec.trafficDistribution: Unsupported value: \"Foo\": supported values: \"PreferClose\", \"PreferSameNode\", \"PreferSameZone\"",
                ],
            ),
            (
                spec(json!({"allocateLoadBalancerNodePorts": true})),
                &[&format!("spec.allocateLoadBalancerNodePorts: {ONLY}")],
            ),
            (
                spec(json!({"loadBalancerClass": "a"})),
                &[&format!("spec.loadBalancerClass: {ONLY}")],
            ),
            (
                spec(json!({"loadBalancerSourceRanges": ["10.0.0.0/8"]})),
                &[&format!("spec.LoadBalancerSourceRanges: {ONLY}")],
            ),
            (
                spec(json!({"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.1/8 "]})),
                &[
                    "spec.LoadBalancerSourceRanges[0]: Invalid value: \"10.0.0.1/8\": must not have bits set beyond the prefix length",
                ],
            ),
        ],
    );
}

#[test]
fn errors_of_addresses() {
    let ips = |list: Value| spec(json!({"clusterIPs": list}));
    cases::creates(
        &Service,
        base(),
        &[
            (
                ips(json!(["10.0.0.2"])),
                &[
                    "spec.clusterIPs: Invalid value: [\"10.0.0.2\"]: first value must match `clusterIP`",
                ],
            ),
            (
                spec(json!({"clusterIP": ""})),
                &[
                    "spec.clusterIPs: Invalid value: [\"10.0.0.1\"]: must be empty when `clusterIP` is not specified",
                ],
            ),
            (ips(json!([])), &["spec.clusterIPs: Required value"]),
            (ips(json!(["10.0.0.1", "fd00::1"])), &[]),
            (
                ips(json!(["10.0.0.1", "10.0.0.2"])),
                &[
                    "spec.clusterIPs: Invalid value: [\"10.0.0.1\",\"10.0.0.2\"]: may specify no more than one IP for each IP family",
                ],
            ),
            (
                ips(json!(["10.0.0.1", "a"])),
                &[
                    "spec.clusterIPs[1]: Invalid value: \"a\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
                ],
            ),
            (
                spec(json!({"ipFamilies": ["IPv6"]})),
                &[
                    "spec.clusterIPs[0]: Invalid value: \"10.0.0.1\": expected an IPv6 value as indicated by `ipFamilies[0]`",
                ],
            ),
            (
                spec(json!({"ipFamilies": ["IPv4", "IPv4"]})),
                &["spec.ipFamilies[1]: Duplicate value: \"IPv4\""],
            ),
            (
                spec(json!({"ipFamilyPolicy": "Foo"})),
                &[
                    "spec.ipFamilyPolicy: Unsupported value: \"Foo\": supported values: \"PreferDualStack\", \"RequireDualStack\", \"SingleStack\"",
                ],
            ),
        ],
    );
}

#[test]
fn errors_of_changes() {
    cases::updates(
        &Service,
        base(),
        &[
            (spec(json!({"ports": [{"port": 81}]})), &[]),
            (
                spec(json!({"clusterIP": "10.0.0.2", "clusterIPs": ["10.0.0.2"]})),
                &["spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set"],
            ),
            (
                spec(json!({"clusterIP": null, "clusterIPs": null})),
                &["spec.clusterIPs[0]: Invalid value: []: primary clusterIP can not be unset"],
            ),
            (
                spec(
                    json!({"clusterIPs": ["10.0.0.1", "fd00::1"], "ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "PreferDualStack"}),
                ),
                &[],
            ),
            // What only the old type needed goes by itself.
            (
                spec(json!({"type": "ExternalName", "externalName": "a.b"})),
                &[],
            ),
        ],
    );
    let dual = cases::merged(
        &base(),
        &spec(
            json!({"clusterIPs": ["10.0.0.1", "fd00::1"], "ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "PreferDualStack"}),
        ),
    );
    let single = json!({"clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"]});
    cases::updates(
        &Service,
        dual,
        &[
            (
                spec(cases::merged(
                    &single,
                    &json!({"ipFamilyPolicy": "SingleStack"}),
                )),
                &[],
            ),
            (
                spec(single),
                &[
                    "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be set to 'SingleStack' when releasing the secondary clusterIP",
                    "spec.ipFamilyPolicy: Invalid value: \"PreferDualStack\": must be set to 'SingleStack' when releasing the secondary ipFamily",
                ],
            ),
        ],
    );
    let balancer = cases::merged(
        &base(),
        &spec(
            json!({"type": "LoadBalancer", "loadBalancerClass": "a", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30000, "ports": [{"port": 80, "nodePort": 30001}]}),
        ),
    );
    cases::updates(
        &Service,
        balancer.clone(),
        &[
            (spec(json!({"type": "ClusterIP"})), &[]),
            (
                spec(json!({"loadBalancerClass": "b"})),
                &["spec.loadBalancerClass: Invalid value: \"b\": may not change once set"],
            ),
            (
                spec(json!({"healthCheckNodePort": 30002})),
                &["spec.healthCheckNodePort: Forbidden: field is immutable"],
            ),
        ],
    );
    let ingress = |it: Value| json!({"status": {"loadBalancer": {"ingress": [it]}}});
    cases::changes(
        &Service,
        "status",
        balancer,
        &[
            (ingress(json!({"ip": "192.0.2.1"})), &[]),
            (
                ingress(json!({"ip": "192.0.2.1", "ipMode": "Foo"})),
                &[
                    "status.loadBalancer.ingress[0].ipMode: Unsupported value: \"Foo\": supported values: \"Proxy\", \"VIP\"",
                ],
            ),
            (
                ingress(json!({"hostname": "192.0.2.1"})),
                &[
                    "status.loadBalancer.ingress[0].hostname: Invalid value: \"192.0.2.1\": must be a DNS name, not an IP address",
                ],
            ),
            (
                ingress(json!({"hostname": "a.b", "ipMode": "VIP"})),
                &[
                    "status.loadBalancer.ingress[0].ipMode: Forbidden: may not be specified when `ip` is not set",
                ],
            ),
        ],
    );
    cases::changes(
        &Service,
        "status",
        base(),
        &[(
            ingress(json!({"ip": "192.0.2.1"})),
            &[
                "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
            ],
        )],
    );
}

#[test]
fn warnings_are_upstreams() {
    cases::warns(
        &Service,
        base(),
        &[
            (json!({}), &[]),
            (
                spec(json!({"externalIPs": ["192.0.2.1"]})),
                &[
                    "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
                ],
            ),
            (
                spec(
                    json!({"clusterIP": "None", "clusterIPs": ["None"], "sessionAffinity": "ClientIP"}),
                ),
                &["spec.SessionAffinity is ignored for headless services"],
            ),
            (
                spec(json!({"externalName": "a"})),
                &["spec.externalName is ignored when spec.type is not \"ExternalName\""],
            ),
            (
                spec(json!({"trafficDistribution": "PreferClose"})),
                &[
                    "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"",
                ],
            ),
            (
                json!({"metadata": {"annotations": {"service.kubernetes.io/topology-aware-hints": "auto"}}}),
                &[
                    "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead",
                ],
            ),
        ],
    );
}

#[test]
fn rows_are_kubectls() {
    let it = service(
        serde_json::json!({"type": "NodePort", "clusterIP": "10.0.0.1", "selector": {"a": "b"}, "ports": [{"port": 80, "nodePort": 30000}, {"port": 53, "protocol": "UDP"}]}),
    );
    let texts = [
        "x",
        "NodePort",
        "10.0.0.1",
        "<none>",
        "80:30000/TCP,53/UDP",
        "<unknown>",
        "a=b",
    ];
    assert_eq!(
        Service.row(&it, Timestamp::UNIX_EPOCH),
        texts.map(Cell::from)
    );
}
