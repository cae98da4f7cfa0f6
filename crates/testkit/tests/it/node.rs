//! Nodes: registered, lost, tainted, evicted from.

use crate::{deployment, ready, run_web, wait_available};
use k8s_openapi::api::core::v1::{Node, Pod};
use machinery::conditions;
use testkit::Cluster;

fn node_ready(node: &Node) -> Option<&str> {
    let conditions = node.status.as_ref()?.conditions.as_ref();
    Some(&conditions::get(conditions, "Ready")?.status)
}

/// Waits until the node's condition `Ready` is so.
async fn wait_ready(cluster: &Cluster, node: &str, status: &str) {
    cluster
        .wait("", node, |it: &Node| node_ready(it) == Some(status))
        .await
        .unwrap();
}

fn tainted(node: &Node, effect: &str) -> bool {
    let taints = node
        .spec
        .as_ref()
        .and_then(|it| it.taints.as_deref())
        .unwrap_or_default();
    taints
        .iter()
        .any(|it| it.key == "node.kubernetes.io/unreachable" && it.effect == effect)
}

#[tokio::test(start_paused = true)]
async fn registers_and_stays_ready() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    wait_ready(&cluster, "one", "True").await;
    cluster.pass(std::time::Duration::from_secs(600)).await;
    let node = cluster.client().get::<Node>("", "one").await.unwrap();
    assert_eq!(node_ready(&node), Some("True"));
    assert!(
        node.spec
            .unwrap_or_default()
            .taints
            .unwrap_or_default()
            .is_empty()
    );
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn lost_then_evicted_from() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    run_web(&cluster, 2).await;
    cluster.add_node("two").await.unwrap();
    wait_ready(&cluster, "two", "True").await;
    cluster.lose_node("one").await.unwrap();
    wait_ready(&cluster, "one", "Unknown").await;
    let both = |it: &Node| tainted(it, "NoSchedule") && tainted(it, "NoExecute");
    cluster.wait("", "one", both).await.unwrap();
    let on = |pod: &Pod, node: &str| pod.spec.as_ref().unwrap().node_name.as_deref() == Some(node);
    let moved = |all: &[Pod]| all.iter().filter(|it| on(it, "two") && ready(it)).count() == 2;
    cluster.wait_all("default", "app=web", moved).await.unwrap();
    let all = cluster
        .wait_all::<Pod>("default", "app=web", |_| true)
        .await
        .unwrap();
    assert!(
        all.iter()
            .filter(|it| on(it, "one"))
            .all(|it| it.metadata.deletion_timestamp.is_some())
    );
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_kubelet_that_restarts_keeps_its_containers() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    run_web(&cluster, 3).await;
    let started = || {
        let calls = cluster.runtime("one").unwrap().calls();
        calls
            .iter()
            .filter(|it| it.verb == "start_container")
            .count()
    };
    assert_eq!(started(), 3);
    cluster.lose_node("one").await.unwrap();
    let gone = cluster
        .wait_all::<Pod>("default", "app=web", |all| all.len() == 3)
        .await
        .unwrap();
    let gone = gone[0].metadata.name.clone().unwrap();
    cluster.delete::<Pod>("default", &gone, "").await.unwrap();
    cluster.pass(std::time::Duration::from_secs(20)).await;
    cluster.return_node("one").await.unwrap();
    cluster.wait_gone::<Pod>("default", &gone).await.unwrap();
    wait_available(&cluster, "default", 3).await;
    cluster
        .wait_all("default", "app=web", |all: &[Pod]| {
            all.len() == 3 && all.iter().all(ready)
        })
        .await
        .unwrap();
    assert_eq!(started(), 4, "only the replacement was started");
    assert_eq!(cluster.running_containers("one").await.unwrap(), 3);
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_returns_is_used_again() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    wait_ready(&cluster, "one", "True").await;
    cluster.lose_node("one").await.unwrap();
    cluster
        .wait("", "one", |it: &Node| tainted(it, "NoExecute"))
        .await
        .unwrap();
    cluster
        .apply(&deployment("web", 1, "registry.test/app:1"))
        .await
        .unwrap();
    cluster.return_node("one").await.unwrap();
    let clean = |it: &Node| {
        let taints = it
            .spec
            .as_ref()
            .and_then(|it| it.taints.clone())
            .unwrap_or_default();
        node_ready(it) == Some("True") && taints.is_empty()
    };
    cluster.wait("", "one", clean).await.unwrap();
    cluster
        .wait_all("default", "app=web", |all: &[Pod]| {
            all.len() == 1 && all.iter().all(ready)
        })
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}
