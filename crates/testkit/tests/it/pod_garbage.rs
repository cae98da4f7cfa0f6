//! Pods that nobody will finish.

use crate::{free, phase, pod};
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{Node, Pod},
};
use machinery::pods::condition;
use serde_json::json;
use std::time::Duration;
use testkit::Cluster;

const NODE: &str = "apiVersion: v1\nkind: Node\nmetadata: {name: paper}\n";

/// A cluster whose only node is on paper, and the pod `plain` on it.
async fn start() -> Cluster {
    let cluster = Cluster::start().await.unwrap();
    cluster.apply(NODE).await.unwrap();
    cluster
        .apply(&pod("plain", ", nodeName: paper"))
        .await
        .unwrap();
    cluster
}

async fn plain(cluster: &Cluster) -> Pod {
    cluster.client().get("default", "plain").await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_node_that_goes_takes_its_pods_and_its_lease() {
    let cluster = start().await;
    let node = cluster.client().get::<Node>("", "paper").await.unwrap();
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "paper", "namespace": "kube-node-lease",
        "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "paper", "uid": node.metadata.uid}]}});
    cluster.apply(&lease.to_string()).await.unwrap();
    // A finalizer, so that the last state can be read.
    let held = pod("held", ", nodeName: paper").replace(
        "{name: held,",
        "{name: held, finalizers: [example.test/hold],",
    );
    cluster.apply(&held).await.unwrap();
    cluster.delete::<Node>("", "paper", "").await.unwrap();
    cluster
        .wait_gone::<Lease>("kube-node-lease", "paper")
        .await
        .unwrap();
    cluster.pass(Duration::from_secs(30)).await;
    let plain = plain(&cluster).await;
    assert_eq!(phase(&plain), "Pending", "the node may yet come back");
    cluster.wait_gone::<Pod>("default", "plain").await.unwrap();
    let going = |it: &Pod| it.metadata.deletion_timestamp.is_some();
    let held = cluster.wait("default", "held", going).await.unwrap();
    assert_eq!(phase(&held), "Failed");
    let why = condition(&held, "DisruptionTarget").unwrap();
    assert_eq!(why.reason.as_deref(), Some("DeletionByPodGC"));
    assert_eq!(why.message.as_deref(), Some("PodGC: node no longer exists"));
    free::<Pod>(&cluster, "default", "held").await;
    cluster.wait_gone::<Pod>("default", "held").await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_back_keeps_its_pods() {
    let cluster = start().await;
    cluster.delete::<Node>("", "paper", "").await.unwrap();
    cluster.pass(Duration::from_secs(30)).await;
    cluster.apply(NODE).await.unwrap();
    cluster.pass(Duration::from_secs(30)).await;
    let plain = plain(&cluster).await;
    assert_eq!(phase(&plain), "Pending");
    assert!(plain.metadata.deletion_timestamp.is_none());
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pods_on_a_node_out_of_service_go_at_once() {
    let cluster = start().await;
    cluster.delete::<Pod>("default", "plain", "").await.unwrap();
    let plain = plain(&cluster).await;
    assert!(plain.metadata.deletion_timestamp.is_some());
    let taint = json!({ "spec": { "taints": [{ "key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute" }] } });
    cluster.patch::<Node>("", "paper", taint).await.unwrap();
    cluster.wait_gone::<Pod>("default", "plain").await.unwrap();
    cluster.stop().await.unwrap();
}
