//! Services: defaults, errors, printing.

use super::*;
use api::Object;

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

#[test]
fn errors_are_upstreams() {
    let check = |spec| {
        Service
            .validate(&service(spec))
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(check(serde_json::json!({})), ["spec.ports: Required value"]);
    assert_eq!(check(serde_json::json!({"clusterIP": "None"})), [""; 0]);
    assert_eq!(
        check(serde_json::json!({"ports": [{"port": 0, "targetPort": 1}]})),
        ["spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"]
    );
    let old = service(serde_json::json!({"clusterIP": "10.0.0.1", "ports": [{"port": 80}]}));
    let new = service(serde_json::json!({"clusterIP": "10.0.0.2", "ports": [{"port": 80}]}));
    assert_eq!(
        Service.validate_update(&new, &old)[0].to_string(),
        r#"spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set"#
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
