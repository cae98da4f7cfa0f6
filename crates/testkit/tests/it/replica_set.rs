//! ReplicaSets: adopt, release, replace.

use crate::pod;
use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1::Pod};
use serde_json::json;
use testkit::Cluster;

const SET: &str = "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: set}\nspec:\n  replicas: 2\n  \
    selector: {matchLabels: {app: bare}}\n  template:\n    metadata: {labels: {app: bare}}\n    \
    spec: {containers: [{name: main, image: registry.test/app:1}]}\n";

fn owned(pod: &Pod) -> bool {
    pod.metadata.owner_references.as_ref().is_some_and(|all| {
        all.iter()
            .any(|it| it.name == "set" && it.controller == Some(true))
    })
}

#[tokio::test(start_paused = true)]
async fn adopts_and_releases() {
    let cluster = Cluster::start().await.unwrap();
    cluster.apply(&pod("bare", "")).await.unwrap();
    cluster.apply(SET).await.unwrap();
    cluster.wait("default", "bare", owned).await.unwrap();
    let counted = |it: &ReplicaSet| it.status.as_ref().is_some_and(|it| it.replicas == 2);
    cluster.wait("default", "set", counted).await.unwrap();
    cluster
        .patch::<Pod>(
            "default",
            "bare",
            json!({ "metadata": { "labels": { "app": "other" } } }),
        )
        .await
        .unwrap();
    cluster
        .wait("default", "bare", |it: &Pod| !owned(it))
        .await
        .unwrap();
    let pods = cluster
        .wait_all::<Pod>("default", "app=bare", |all| all.len() == 2)
        .await
        .unwrap();
    assert!(pods.iter().all(owned));
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn replaces_what_is_deleted() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    cluster.apply(SET).await.unwrap();
    let all_ready = |it: &ReplicaSet| {
        it.status
            .as_ref()
            .is_some_and(|it| it.ready_replicas == Some(2))
    };
    cluster.wait("default", "set", all_ready).await.unwrap();
    let pods = cluster
        .wait_all::<Pod>("default", "app=bare", |all| all.len() == 2)
        .await
        .unwrap();
    let name = pods[0].metadata.name.clone().unwrap();
    cluster.delete::<Pod>("default", &name, "").await.unwrap();
    cluster.wait_gone::<Pod>("default", &name).await.unwrap();
    cluster.wait("default", "set", all_ready).await.unwrap();
    let running = cluster.running_containers("one").await.unwrap();
    assert_eq!(running, 2);
    cluster.stop().await.unwrap();
}
