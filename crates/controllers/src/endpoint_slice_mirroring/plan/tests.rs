//! Endpoints in, slices out.

use super::*;
use api::Object;
use serde_json::{Value, json};

fn endpoints(subsets: Value) -> Endpoints {
    let tree = json!({"metadata": {"name": "db", "namespace": "d", "uid": "u", "labels": {"tier": "data"},
        "annotations": {"note": "kept", TRIGGER_TIME: "dropped", LAST_APPLIED: "dropped"}}, "subsets": subsets});
    Endpoints::decode(tree.to_string().as_bytes()).unwrap()
}

fn addresses(count: usize) -> Vec<Value> {
    let ip = |n: usize| json!({"ip": format!("10.9.{}.{}", n / 250, n % 250 + 1)});
    (0..count).map(ip).collect()
}

/// Family, ports and addresses of each slice.
fn shown(mirror: &Mirror) -> Vec<String> {
    let one = |slice: &EndpointSlice| {
        let ports = slice.ports.iter().flatten();
        let ports: Vec<_> = ports
            .map(|it| format!("{}:{}", it.name.clone().unwrap(), it.port.unwrap()))
            .collect();
        let endpoints = slice.endpoints.iter().flatten();
        let endpoints: Vec<_> = endpoints
            .map(|it| {
                let ready = it.conditions.as_ref().and_then(|it| it.ready).unwrap();
                format!("{}{}", it.addresses[0], if ready { "" } else { "?" })
            })
            .collect();
        let (ports, endpoints) = (ports.join(","), endpoints.join(" "));
        format!("{} {ports} {endpoints}", slice.address_type)
    };
    mirror.slices.iter().map(one).collect()
}

#[test]
fn subsets_become_slices() {
    let http = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
    let table = [
        (json!([]), vec![]),
        (
            json!([{"addresses": [{"ip": "10.9.0.1"}], "notReadyAddresses": [{"ip": "10.9.0.2"}], "ports": http}]),
            vec!["IPv4 http:80 10.9.0.1 10.9.0.2?"],
        ),
        (
            json!([{"addresses": [{"ip": "10.9.0.1"}, {"ip": "fd00:0::1"}], "ports": http}]),
            vec!["IPv4 http:80 10.9.0.1", "IPv6 http:80 fd00::1"],
        ),
        (
            json!([{"addresses": [{"ip": "10.9.0.1"}], "ports": http}, {"addresses": [{"ip": "10.9.0.2"}], "ports": http},
                {"addresses": [{"ip": "10.9.0.3"}], "ports": [{"port": 9000}]}]),
            vec!["IPv4 :9000 10.9.0.3", "IPv4 http:80 10.9.0.1 10.9.0.2"],
        ),
    ];
    for (subsets, slices) in table {
        assert_eq!(
            shown(&mirror(&endpoints(subsets.clone()))),
            slices,
            "{subsets}"
        );
    }
}

#[test]
fn what_cannot_be_mirrored_is_counted() {
    let mut all = addresses(1003);
    all.insert(0, json!({"ip": "no address"}));
    let mirror = mirror(&endpoints(
        json!([{"addresses": all, "ports": [{"port": 80}]}]),
    ));
    assert_eq!((mirror.invalid, mirror.too_many), (1, 3));
    assert_eq!(mirror.slices[0].endpoints.as_ref().unwrap().len(), LIMIT);
}

#[test]
fn a_slice_carries_what_the_endpoints_carry() {
    let subsets = json!([{"addresses": [{"ip": "10.9.0.1", "hostname": "a", "nodeName": "n"}], "ports": [{"port": 80}]}]);
    let slice = mirror(&endpoints(subsets)).slices.remove(0);
    let labels = [
        ("tier", "data"),
        (SERVICE_NAME, "db"),
        (MANAGED_BY, MANAGER),
    ];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(slice.metadata.labels, Some(labels.into()));
    let annotations = [("note".to_owned(), "kept".to_owned())];
    assert_eq!(slice.metadata.annotations, Some(annotations.into()));
    let owner = &slice.metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!(
        (owner.kind.as_str(), owner.controller),
        ("Endpoints", Some(true))
    );
    let endpoint = &slice.endpoints.as_ref().unwrap()[0];
    assert_eq!(endpoint.hostname.as_deref(), Some("a"));
    assert_eq!(endpoint.node_name.as_deref(), Some("n"));
}

#[test]
fn steps() {
    let subset =
        |ip: &str, port: i32| json!({"addresses": [{"ip": ip}], "ports": [{"port": port}]});
    let wanted = mirror(&endpoints(json!([subset("10.9.0.1", 80)]))).slices;
    let [Step::Create(made)] = <[Step; 1]>::try_from(plan(&wanted, &[])).unwrap() else {
        panic!("one slice is made");
    };
    let mut stored = *made;
    stored.metadata.name = Some("db-1".to_owned());
    stored.metadata.resource_version = Some("7".to_owned());
    let stored = [Arc::new(stored)];
    assert_eq!(plan(&wanted, &stored), []);
    let moved = mirror(&endpoints(json!([subset("10.9.0.2", 80)]))).slices;
    let [Step::Update(updated)] = <[Step; 1]>::try_from(plan(&moved, &stored)).unwrap() else {
        panic!("the slice is changed in place");
    };
    assert_eq!(updated.metadata.resource_version.as_deref(), Some("7"));
    let other = mirror(&endpoints(json!([subset("10.9.0.1", 81)]))).slices;
    let steps = plan(&other, &stored);
    assert!(matches!(&steps[..], [Step::Create(_), Step::Delete(name)] if name == "db-1"));
    assert_eq!(plan(&[], &stored), [Step::Delete("db-1".to_owned())]);
}

#[test]
fn who_is_mirrored() {
    let service = |selector: Value| {
        let tree = json!({"metadata": {"name": "db"}, "spec": {"selector": selector}});
        Service::decode(tree.to_string().as_bytes()).unwrap()
    };
    let own = |key: &str, value: &str| {
        let tree = json!({"metadata": {"name": "db", "labels": {key: value}, "annotations": {key: value}}});
        Endpoints::decode(tree.to_string().as_bytes()).unwrap()
    };
    let table = [
        ("a", "b", json!(null), true),
        ("a", "b", json!({}), true),
        ("a", "b", json!({"app": "db"}), false),
        (SKIP, "true", json!(null), false),
        (SKIP, "false", json!(null), true),
        (LEADER, "me", json!(null), false),
    ];
    for (key, value, selector, mirrored) in table {
        let judged = is_mirrored(&own(key, value), &service(selector.clone()));
        assert_eq!(judged, mirrored, "{key}={value} {selector}");
    }
}
