//! Namespaces empty before they go.

use crate::deployment;
use client::ListOptions;
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{ConfigMap, Namespace, Pod, Secret, ServiceAccount},
};
use testkit::Cluster;

#[tokio::test(start_paused = true)]
async fn deletion_empties() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    cluster
        .apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: own}")
        .await
        .unwrap();
    cluster
        .wait::<ServiceAccount>("own", "default", |_| true)
        .await
        .unwrap();
    let web = deployment("web", 2, "registry.test/app:1")
        .replace("{name: web}", "{name: web, namespace: own}");
    cluster.apply(&web).await.unwrap();
    cluster
        .apply(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: own}\nstringData: {a: b}",
        )
        .await
        .unwrap();
    let available = |it: &Deployment| {
        it.status
            .as_ref()
            .is_some_and(|it| it.available_replicas == Some(2))
    };
    cluster.wait("own", "web", available).await.unwrap();
    cluster.delete::<Namespace>("", "own", "").await.unwrap();
    cluster.wait_gone::<Namespace>("", "own").await.unwrap();
    let all = ListOptions::default();
    let client = cluster.client();
    assert!(
        client
            .list::<Deployment>("own", &all)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        client
            .list::<ReplicaSet>("own", &all)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        client
            .list::<Pod>("own", &all)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        client
            .list::<Secret>("own", &all)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        client
            .list::<ConfigMap>("own", &all)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert_eq!(cluster.running_containers("one").await.unwrap(), 0);
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_holds_it() {
    let cluster = Cluster::start().await.unwrap();
    cluster
        .apply(
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: own}\n---\n\
             apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, namespace: own, finalizers: [example.test/hold]}\n",
        )
        .await
        .unwrap();
    cluster.delete::<Namespace>("", "own", "").await.unwrap();
    let held = |it: &Namespace| {
        let conditions = it
            .status
            .as_ref()
            .and_then(|it| it.conditions.clone())
            .unwrap_or_default();
        conditions
            .iter()
            .any(|it| it.type_ == "NamespaceFinalizersRemaining" && it.status == "True")
    };
    cluster.wait("", "own", held).await.unwrap();
    let free = serde_json::json!({ "metadata": { "finalizers": null } });
    cluster
        .patch::<ConfigMap>("own", "held", free)
        .await
        .unwrap();
    cluster.wait_gone::<Namespace>("", "own").await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn pods_go_before_what_they_use() {
    let cluster = Cluster::start().await.unwrap();
    let held = crate::pod("held", "").replace(
        "{name: held,",
        "{name: held, namespace: own, finalizers: [example.test/hold],",
    );
    cluster
        .apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: own}")
        .await
        .unwrap();
    cluster
        .wait::<ServiceAccount>("own", "default", |_| true)
        .await
        .unwrap();
    cluster.apply(&held).await.unwrap();
    cluster
        .apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: used, namespace: own}")
        .await
        .unwrap();
    cluster.delete::<Namespace>("", "own", "").await.unwrap();
    let says = |it: &Namespace| {
        let conditions = it.status.as_ref().and_then(|it| it.conditions.clone());
        let text = "Some resources are remaining: pods. has 1 resource instances";
        conditions.unwrap_or_default().iter().any(|it| {
            it.type_ == "NamespaceContentRemaining" && it.message.as_deref() == Some(text)
        })
    };
    cluster.wait("", "own", says).await.unwrap();
    let used = cluster
        .client()
        .get::<ConfigMap>("own", "used")
        .await
        .unwrap();
    assert!(used.metadata.deletion_timestamp.is_none());
    let free = serde_json::json!({ "metadata": { "finalizers": null } });
    cluster.patch::<Pod>("own", "held", free).await.unwrap();
    cluster.wait_gone::<Namespace>("", "own").await.unwrap();
    cluster.stop().await.unwrap();
}
