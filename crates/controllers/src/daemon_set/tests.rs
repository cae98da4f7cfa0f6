//! Tables of nodes and pods, and what a DaemonSet does about them.

use super::{
    plan::{Facts, Plan, plan},
    pod::{Fate, fate, new_pod, node_of},
    status::status,
};
use api::Object;
use k8s_openapi::api::{
    apps::v1::DaemonSet,
    core::v1::{Node, Pod},
};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

fn set(strategy: Value, template: Value) -> DaemonSet {
    let mut spec = json!({"containers": [{"name": "c"}]});
    for (key, value) in template.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let tree = json!({"metadata": {"name": "log", "namespace": "d", "uid": "u", "generation": 1}, "spec": {"updateStrategy": strategy,
        "selector": {"matchLabels": {"app": "log"}}, "template": {"metadata": {"labels": {"app": "log"}}, "spec": spec}}});
    DaemonSet::decode(tree.to_string().as_bytes()).unwrap()
}

fn node(name: &str, taints: Value) -> Arc<Node> {
    let tree = json!({"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}, "spec": {"taints": taints}});
    Arc::new(Node::decode(tree.to_string().as_bytes()).unwrap())
}

fn pod(name: &str, node: &str, hash: &str, ready: &str) -> Arc<Pod> {
    let phase = if ready == "Failed" {
        "Failed"
    } else {
        "Running"
    };
    let tree = json!({"metadata": {"name": name, "namespace": "d", "labels": {"app": "log", "controller-revision-hash": hash}},
        "spec": {"containers": [], "nodeName": node}, "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}});
    Arc::new(Pod::decode(tree.to_string().as_bytes()).unwrap())
}

fn names(pods: &[Arc<Pod>]) -> Vec<&str> {
    pods.iter()
        .map(|pod| pod.metadata.name.as_deref().unwrap())
        .collect()
}

fn decide(set: &DaemonSet, nodes: &[Arc<Node>], pods: &[Arc<Pod>]) -> Plan {
    let waits = HashMap::new();
    plan(&facts(set, nodes, pods, &waits))
}

fn facts<'a>(
    set: &'a DaemonSet,
    nodes: &'a [Arc<Node>],
    pods: &'a [Arc<Pod>],
    waits: &'a HashMap<String, std::time::Duration>,
) -> Facts<'a> {
    Facts {
        set,
        hash: "new",
        nodes,
        pods,
        waits,
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
    }
}

#[test]
fn nodes_have_fates() {
    let plain = set(json!({}), json!({}));
    let picky = set(
        json!({}),
        json!({"nodeSelector": {"kubernetes.io/hostname": "b"}}),
    );
    let taint = |key: &str, effect: &str| json!([{"key": key, "effect": effect}]);
    let table = [
        (&plain, json!([]), Fate::Run),
        (&picky, json!([]), Fate::Never),
        (&plain, taint("own", "NoSchedule"), Fate::Stay),
        (&plain, taint("own", "NoExecute"), Fate::Never),
        (
            &plain,
            taint("node.kubernetes.io/unschedulable", "NoSchedule"),
            Fate::Run,
        ),
        (
            &plain,
            taint("node.kubernetes.io/not-ready", "NoExecute"),
            Fate::Run,
        ),
        (
            &plain,
            taint("node.kubernetes.io/network-unavailable", "NoSchedule"),
            Fate::Stay,
        ),
    ];
    for (set, taints, wanted) in table {
        assert_eq!(fate(set, &node("a", taints.clone())), wanted, "{taints}");
    }
    assert_eq!(node_of(&new_pod(&plain, "new", "a")), Some("a"));
}

#[test]
fn one_pod_per_node() {
    let set = set(json!({}), json!({}));
    let nodes = [
        node("a", json!([])),
        node("b", json!([])),
        node("c", json!([{"key": "own", "effect": "NoExecute"}])),
    ];
    let pods = [
        pod("a1", "a", "new", "True"),
        pod("a2", "a", "new", "True"),
        pod("c1", "c", "new", "True"),
    ];
    let plan = decide(&set, &nodes, &pods);
    assert_eq!(plan.create, ["b"]);
    assert_eq!(names(&plan.delete), ["a2", "c1"]);
    let waits = HashMap::new();
    let status = status(&facts(&set, &nodes, &pods, &waits), None);
    assert_eq!(
        (
            status.desired_number_scheduled,
            status.current_number_scheduled,
            status.number_misscheduled,
            status.number_ready,
            status.number_unavailable
        ),
        (2, 1, 1, 1, Some(1))
    );
}

#[test]
fn failed_pods_go_after_their_wait() {
    let set = set(json!({}), json!({}));
    let nodes = [node("a", json!([]))];
    let pods = [pod("a1", "a", "new", "Failed")];
    let plan = decide(&set, &nodes, &pods);
    assert_eq!((names(&plan.delete), plan.finished.len()), (vec!["a1"], 1));
    let wait = std::time::Duration::from_secs(4);
    let waits = [("a".to_owned(), wait)].into();
    let plan = super::plan::plan(&facts(&set, &nodes, &pods, &waits));
    assert_eq!((plan.delete.len(), plan.look_again), (0, Some(wait)));
}

#[test]
fn updates_stay_within_bounds() {
    let nodes = ["a", "b", "c"].map(|name| node(name, json!([])));
    let old = [
        pod("a1", "a", "old", "True"),
        pod("b1", "b", "old", "True"),
        pod("c1", "c", "old", "True"),
    ];
    let rolling = |unavailable: i32, surge: i32| {
        set(
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": surge}}),
            json!({}),
        )
    };
    assert_eq!(names(&decide(&rolling(1, 0), &nodes, &old).delete), ["a1"]);
    assert_eq!(decide(&rolling(2, 0), &nodes, &old).delete.len(), 2);
    let on_delete = set(json!({"type": "OnDelete"}), json!({}));
    assert_eq!(decide(&on_delete, &nodes, &old), Plan::default());
    let one_away = [
        pod("a2", "a", "new", "False"),
        pod("b1", "b", "old", "True"),
        pod("c1", "c", "old", "True"),
    ];
    assert_eq!(decide(&rolling(1, 0), &nodes, &one_away), Plan::default());

    assert_eq!(decide(&rolling(0, 1), &nodes, &old).create, ["a"]);
    let mut surged = old.to_vec();
    surged.push(pod("a2", "a", "new", "False"));
    assert_eq!(decide(&rolling(0, 1), &nodes, &surged), Plan::default());
    surged[3] = pod("a2", "a", "new", "True");
    assert_eq!(
        names(&decide(&rolling(0, 1), &nodes, &surged).delete),
        ["a1"]
    );
}
