//! Verdicts over small clusters, as tables.

use super::*;
use api::Object;
use k8s_openapi::api::core::v1::{Node, Pod};
use reconcile::Change;
use serde_json::{Value, json};
use std::sync::Arc;

fn node(name: &str, more: Value) -> Node {
    let mut tree = json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "10"}},
    });
    json_patch_merge(&mut tree, &more);
    Node::decode(tree.to_string().as_bytes()).unwrap()
}

fn json_patch_merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                json_patch_merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn pod(name: &str, spec: Value) -> Pod {
    let mut whole = json!({"containers": [{"name": "c", "image": "i"}]});
    json_patch_merge(&mut whole, &spec);
    let tree = json!({"metadata": {"name": name, "namespace": "default", "labels": {"app": "web"}}, "spec": whole});
    Pod::decode(tree.to_string().as_bytes()).unwrap()
}

fn snapshot(nodes: Vec<Node>, pods: Vec<Pod>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for node in nodes {
        snapshot.see_node(&Change {
            old: None,
            new: Some(Arc::new(node)),
        });
    }
    for pod in pods {
        snapshot.see_pod(&Change {
            old: None,
            new: Some(Arc::new(pod)),
        });
    }
    snapshot
}

fn check(spec: Value, mut snapshot: Snapshot) -> String {
    let info = PodInfo::new(Arc::new(pod("p", spec)));
    match find(&info, &mut snapshot, &Random::from_seed(1)) {
        Ok(node) => format!("-> {node}"),
        Err(diagnosis) => diagnosis.message(),
    }
}

fn requests(cpu: &str) -> Value {
    json!({"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}]})
}

#[test]
fn each_plugin_refuses_in_upstreams_words() {
    let plain = || node("a", json!({}));
    let table = [
        (
            snapshot(vec![], vec![]),
            json!({}),
            "no nodes available to schedule pods",
        ),
        (snapshot(vec![plain()], vec![]), json!({}), "-> a"),
        (
            snapshot(vec![plain()], vec![]),
            requests("3"),
            "0/1 nodes are available: 1 Insufficient cpu.",
        ),
        (
            snapshot(
                vec![node("a", json!({"spec": {"unschedulable": true}}))],
                vec![],
            ),
            json!({}),
            "0/1 nodes are available: 1 node(s) were unschedulable.",
        ),
        (
            snapshot(
                vec![node(
                    "a",
                    json!({"spec": {"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}}),
                )],
                vec![],
            ),
            json!({}),
            "0/1 nodes are available: 1 node(s) had untolerated taint {k: v}.",
        ),
        (
            snapshot(vec![plain(), node("b", json!({}))], vec![]),
            json!({"nodeSelector": {"disk": "ssd"}}),
            "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
        ),
        (
            snapshot(
                vec![node("a", json!({"status": {"allocatable": {"pods": "0"}}}))],
                vec![],
            ),
            json!({}),
            "0/1 nodes are available: 1 Too many pods.",
        ),
        (
            snapshot(
                vec![plain()],
                vec![pod(
                    "q",
                    json!({"nodeName": "a", "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80, "hostPort": 80}]}]}),
                )],
            ),
            json!({"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 8080, "hostPort": 80}]}]}),
            "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
        ),
    ];
    for (snapshot, spec, expected) in table {
        assert_eq!(check(spec, snapshot), expected);
    }
}

#[test]
fn spreading_and_anti_affinity() {
    let two = || vec![node("a", json!({})), node("b", json!({}))];
    let on_a = || vec![pod("q", json!({"nodeName": "a"}))];
    let selector = json!({"matchLabels": {"app": "web"}});
    let spread = json!({"topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}]});
    assert_eq!(check(spread.clone(), snapshot(two(), on_a())), "-> b");
    assert_eq!(
        check(spread, snapshot(vec![node("a", json!({}))], on_a())),
        "-> a"
    );
    let away = json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}]}}});
    assert_eq!(check(away.clone(), snapshot(two(), on_a())), "-> b");
    assert_eq!(
        check(away, snapshot(vec![node("a", json!({}))], on_a())),
        "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules."
    );
    let near = json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}]}}});
    assert_eq!(check(near.clone(), snapshot(two(), on_a())), "-> a");
    assert!(
        check(near, snapshot(two(), vec![])).starts_with("-> "),
        "the first of a group may start anywhere"
    );
}

#[test]
fn the_emptier_node_is_preferred() {
    let nodes = vec![node("a", json!({})), node("b", json!({}))];
    let mut busy = requests("1");
    busy["nodeName"] = "a".into();
    assert_eq!(
        check(requests("500m"), snapshot(nodes, vec![pod("q", busy)])),
        "-> b"
    );
}
