//! Addresses and node ports of Services: given, checked, kept, shared and given back.

use crate::door::{Tested, open, open_with};
use serde_json::{Value, json};
use std::sync::Arc;

const SERVICES: &str = "/api/v1/namespaces/default/services";
const ADDRESSES: &str = "/apis/networking.k8s.io/v1/ipaddresses";
const MERGE: &str = "application/merge-patch+json";

fn service(name: &str, spec: &Value) -> Value {
    let mut all = json!({ "ports": [{ "port": 80 }], "selector": { "a": "b" } });
    for (key, value) in spec.as_object().unwrap() {
        all[key] = value.clone();
    }
    json!({ "metadata": { "name": name }, "spec": all })
}

async fn made(door: &Tested, name: &str, spec: Value) -> Value {
    let (code, made) = door.post(SERVICES, &service(name, &spec)).await;
    assert_eq!(code, 201, "{made}");
    made["spec"].clone()
}

/// The message of a refusal.
async fn refused(door: &Tested, name: &str, spec: Value) -> String {
    let (code, status) = door.post(SERVICES, &service(name, &spec)).await;
    assert!(code >= 400, "{status}");
    status["message"].as_str().unwrap().to_owned()
}

async fn addresses(door: &Tested) -> Vec<String> {
    let (_, list) = door.get(ADDRESSES).await;
    let items = list["items"].as_array().unwrap().iter();
    let shown = |it: &Value| {
        let parent = &it["spec"]["parentRef"];
        format!(
            "{} {}/{} {}",
            it["metadata"]["name"].as_str().unwrap(),
            parent["resource"].as_str().unwrap(),
            parent["name"].as_str().unwrap(),
            it["metadata"]["labels"]["ipaddress.kubernetes.io/ip-family"]
                .as_str()
                .unwrap()
        )
    };
    items.map(shown).collect()
}

#[tokio::test]
async fn every_address_is_an_object() {
    let door = open().await;
    assert_eq!(
        addresses(&door).await,
        ["10.43.0.1 services/kubernetes IPv4"]
    );
    made(&door, "fixed", json!({ "clusterIP": "10.43.0.7" })).await;
    assert_eq!(addresses(&door).await[1], "10.43.0.7 services/fixed IPv4");
    let (_, object) = door.get(&format!("{ADDRESSES}/10.43.0.7")).await;
    assert_eq!(
        object["metadata"]["labels"]["ipaddress.kubernetes.io/managed-by"],
        "ipallocator.k8s.io"
    );
    assert_eq!(object["spec"]["parentRef"]["namespace"], "default");
    let dynamic = made(&door, "dynamic", json!({})).await;
    let last: u8 = dynamic["clusterIP"].as_str().unwrap()["10.43.0.".len()..]
        .parse()
        .unwrap();
    assert!(last > 16, "the lower ones are for those who choose: {last}");
    made(&door, "none", json!({ "clusterIP": "None" })).await;
    made(
        &door,
        "name",
        json!({ "type": "ExternalName", "externalName": "a.b" }),
    )
    .await;
    assert_eq!(addresses(&door).await.len(), 3);
    let outward = json!({ "spec": { "type": "ExternalName", "externalName": "a.b", "clusterIP": null, "clusterIPs": null } });
    let (code, now) = door
        .patch(&format!("{SERVICES}/fixed"), MERGE, &outward)
        .await;
    assert_eq!(code, 200, "{now}");
    assert_eq!(addresses(&door).await.len(), 2, "given back with the type");
    let inward = json!({ "spec": { "type": "ClusterIP", "externalName": null } });
    let (code, now) = door
        .patch(&format!("{SERVICES}/fixed"), MERGE, &inward)
        .await;
    assert_eq!(code, 200, "{now}");
    assert_eq!(addresses(&door).await.len(), 3, "and given anew");
    for name in ["fixed", "dynamic"] {
        door.delete(&format!("{SERVICES}/{name}"), &Value::Null)
            .await;
    }
    assert_eq!(addresses(&door).await.len(), 1);
}

#[tokio::test]
async fn addresses_that_cannot_be_had() {
    let door = open().await;
    made(&door, "a", json!({ "clusterIP": "10.43.0.7" })).await;
    for (address, because) in [
        ("10.43.0.7", "provided IP is already allocated"),
        (
            "10.99.0.7",
            "the provided network does not match the current range",
        ),
        (
            "10.43.0.255",
            "the provided IP (10.43.0.255) is not in the valid range. The range of valid IPs is 10.43.0.0/24",
        ),
    ] {
        assert_eq!(
            refused(&door, "b", json!({ "clusterIP": address })).await,
            format!(
                "Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"{address}\"]: failed to allocate IP {address}: {because}"
            )
        );
    }
}

#[tokio::test]
async fn a_full_range_says_so_and_another_helps() {
    let store = Arc::new(store::Memory::new());
    let door = open_with(store, &["10.43.0.0/29"]).await;
    for number in 0..5 {
        made(&door, &format!("s{number}"), json!({})).await;
    }
    let full = refused(&door, "late", json!({})).await;
    assert_eq!(
        full,
        "Internal error occurred: failed to allocate a serviceIP: range is full"
    );
    let more = json!({ "metadata": { "name": "more" }, "spec": { "cidrs": ["10.44.0.0/28"] } });
    let path = "/apis/networking.k8s.io/v1/servicecidrs";
    let (code, status) = door.post(path, &more).await;
    assert_eq!(code, 201, "{status}");
    let late = made(&door, "late", json!({})).await;
    assert!(late["clusterIP"].as_str().unwrap().starts_with("10.44.0."));
    let closed = json!({ "status": { "conditions": [{ "type": "Ready", "status": "False", "reason": "Terminating", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" }] } });
    let (code, status) = door
        .patch(&format!("{path}/more/status"), MERGE, &closed)
        .await;
    assert_eq!(code, 200, "{status}");
    assert_eq!(refused(&door, "later", json!({})).await, full);
}

#[tokio::test]
async fn two_families_and_back() {
    let store = Arc::new(store::Memory::new());
    let door = open_with(store, &["10.43.0.0/24", "fd00:43::/112"]).await;
    let one = made(&door, "one", json!({})).await;
    assert_eq!(
        (&one["ipFamilies"], &one["ipFamilyPolicy"]),
        (&json!(["IPv4"]), &json!("SingleStack"))
    );
    let six = made(&door, "six", json!({ "ipFamilies": ["IPv6"] })).await;
    assert!(six["clusterIP"].as_str().unwrap().starts_with("fd00:43::"));
    let both = made(
        &door,
        "both",
        json!({ "ipFamilyPolicy": "PreferDualStack" }),
    )
    .await;
    assert_eq!(both["ipFamilies"], json!(["IPv4", "IPv6"]));
    assert_eq!(both["clusterIPs"].as_array().unwrap().len(), 2);
    assert_eq!(both["clusterIPs"][0], both["clusterIP"]);
    assert_eq!(addresses(&door).await.len(), 5);
    let path = format!("{SERVICES}/one");
    let grow = json!({ "spec": { "ipFamilyPolicy": "RequireDualStack" } });
    let (code, grown) = door.patch(&path, MERGE, &grow).await;
    assert_eq!(code, 200, "{grown}");
    assert_eq!(grown["spec"]["clusterIPs"][0], one["clusterIP"]);
    assert_eq!(grown["spec"]["clusterIPs"].as_array().unwrap().len(), 2);
    assert_eq!(addresses(&door).await.len(), 6);
    let shrink = json!({ "spec": { "ipFamilyPolicy": "SingleStack" } });
    let (code, shrunk) = door.patch(&path, MERGE, &shrink).await;
    assert_eq!(
        (
            code,
            &shrunk["spec"]["clusterIPs"],
            &shrunk["spec"]["ipFamilies"]
        ),
        (200, &json!([one["clusterIP"]]), &json!(["IPv4"])),
        "{shrunk}"
    );
    assert_eq!(addresses(&door).await.len(), 5);
    // A watch that saw one of two objects of one transaction is told of both again.
    let mut watch = door
        .watch(&format!(
            "{ADDRESSES}?watch=true&resourceVersion={}",
            revision(&door, &both).await
        ))
        .await;
    assert!(watch.short().await.starts_with("ADDED 10.43."));
    assert!(watch.short().await.starts_with("ADDED fd00:43::"));
}

/// The revision of the IPAddress objects of a Service.
async fn revision(door: &Tested, spec: &Value) -> String {
    let address = spec["clusterIP"].as_str().unwrap();
    let (_, object) = door.get(&format!("{ADDRESSES}/{address}")).await;
    let revision = object["metadata"]["resourceVersion"].as_str();
    revision.unwrap().to_owned()
}

#[tokio::test]
async fn node_ports() {
    let door = open().await;
    let port = |spec: &Value, index: usize| spec["ports"][index]["nodePort"].as_i64().unwrap();
    let dns = json!({ "type": "NodePort", "ports": [
        { "name": "udp", "port": 53, "protocol": "UDP" }, { "name": "tcp", "port": 53, "protocol": "TCP" } ] });
    let dns = made(&door, "dns", dns).await;
    assert_eq!(port(&dns, 0), port(&dns, 1), "protocols of one port share");
    assert!(
        port(&dns, 0) >= 30086,
        "the lower ones are for those who choose"
    );
    let named =
        |number: i64| json!({ "type": "NodePort", "ports": [{ "port": 80, "nodePort": number }] });
    made(&door, "named", named(30005)).await;
    for (number, because) in [
        (30005, "provided port is already allocated"),
        (port(&dns, 0), "provided port is already allocated"),
        (
            80,
            "provided port is not in the valid range. The range of valid ports is 30000-32767",
        ),
    ] {
        assert_eq!(
            refused(&door, "other", named(number)).await,
            format!(
                "Service \"other\" is invalid: spec.ports[0].nodePort: Invalid value: {number}: {because}"
            )
        );
    }
    let path = format!("{SERVICES}/dns");
    let renumbered = json!({ "spec": { "ports": [{ "name": "udp", "port": 54, "protocol": "UDP", "targetPort": 53 }] } });
    let (code, now) = door.patch(&path, MERGE, &renumbered).await;
    assert_eq!(code, 200, "{now}");
    assert_eq!(port(&now["spec"], 0), port(&dns, 0), "kept by its name");
    let inward = json!({ "spec": { "type": "ClusterIP", "ports": [{ "name": "udp", "port": 54, "protocol": "UDP" }] } });
    let (code, now) = door.patch(&path, MERGE, &inward).await;
    assert_eq!(code, 200, "{now}");
    made(&door, "heir", named(port(&dns, 0))).await;
}

#[tokio::test]
async fn health_check_ports() {
    let door = open().await;
    let local = json!({ "type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000 });
    assert_eq!(
        made(&door, "a", local.clone()).await["healthCheckNodePort"],
        31000
    );
    assert_eq!(
        refused(&door, "b", local).await,
        "Internal error occurred: failed to allocate requested HealthCheck NodePort 31000: provided port is already allocated"
    );
    let own = json!({ "type": "LoadBalancer", "externalTrafficPolicy": "Local", "allocateLoadBalancerNodePorts": false });
    let own = made(&door, "c", own).await;
    assert!(own["healthCheckNodePort"].as_i64().unwrap() >= 30000);
    assert!(own["ports"][0]["nodePort"].is_null());
    let away =
        json!({ "spec": { "externalTrafficPolicy": "Cluster", "healthCheckNodePort": null } });
    let (code, now) = door.patch(&format!("{SERVICES}/a"), MERGE, &away).await;
    assert_eq!(code, 200, "{now}");
    let taken = json!({ "type": "NodePort", "ports": [{ "port": 80, "nodePort": 31000 }] });
    made(&door, "d", taken).await;
}

#[tokio::test]
async fn a_start_mends_what_is_missing_and_what_is_left_over() {
    let store: Arc<dyn store::Store> = Arc::new(store::Memory::new());
    let first = open_with(Arc::clone(&store), &["10.43.0.0/24"]).await;
    let spec = made(&first, "s", json!({ "type": "NodePort" })).await;
    let (address, port) = (
        spec["clusterIP"].as_str().unwrap(),
        &spec["ports"][0]["nodePort"],
    );
    let object = format!("{ADDRESSES}/{address}");
    assert_eq!(first.delete(&object, &Value::Null).await.0, 200);
    let port_claim = format!("/claims/node-ports/{port}");
    let left_over = "/claims/service-addresses/10.43.0.99";
    let damage = store::Transaction::delete(&port_claim).and_put(left_over, "");
    store.transact(damage).await.unwrap();
    let second = open_with(Arc::clone(&store), &["10.43.0.0/24"]).await;
    assert_eq!(second.get(&object).await.0, 200);
    assert!(store.get(&port_claim, None).await.unwrap().is_some());
    assert!(store.get(left_over, None).await.unwrap().is_none());
}
