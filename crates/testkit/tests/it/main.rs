//! A cluster in one process, area by area. Every test ends with `stop`, which judges the whole run:
//! watches without gaps, nothing left behind.

#![allow(clippy::unwrap_used)] // A panic is how a test fails; the lint knows only functions marked as tests.

mod cluster;
mod deployment;
mod event;
mod garbage;
mod mirroring;
mod namespace;
mod node;
mod pod;
mod pod_garbage;
mod protection;
mod replica_set;
mod replication_controller;
mod resource_quota;
mod scheduling;
mod service;
mod storm;

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Pod, ServiceAccount},
};
use machinery::pods::is_ready as ready;
use testkit::Cluster;

/// A Deployment in YAML.
fn deployment(name: &str, replicas: u32, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
         spec:\n      containers:\n      - name: main\n        image: {image}\n        ports: [{{containerPort: 80, name: http}}]\n"
    )
}

/// A Pod in YAML; `spec` is more of its spec, in flow style, beginning with a comma.
fn pod(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\n\
         spec: {{containers: [{{name: main, image: registry.test/app:1}}]{spec}}}\n"
    )
}

/// Applies the Deployment `web`, and waits until all its pods are available.
async fn run_web(cluster: &Cluster, replicas: u32) {
    cluster
        .apply(&deployment("web", replicas, "registry.test/app:1"))
        .await
        .unwrap();
    wait_available(cluster, "default", replicas).await;
}

/// Waits until so many pods of the Deployment `web` are available.
async fn wait_available(cluster: &Cluster, namespace: &str, replicas: u32) {
    let replicas = i32::try_from(replicas).unwrap();
    let available = |it: &Deployment| {
        it.status
            .as_ref()
            .is_some_and(|it| it.available_replicas == Some(replicas))
    };
    cluster.wait(namespace, "web", available).await.unwrap();
}

/// Makes the namespace `own`, and waits until pods may be made in it.
async fn make_own_namespace(cluster: &Cluster) {
    cluster
        .apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: own}")
        .await
        .unwrap();
    cluster
        .wait::<ServiceAccount>("own", "default", |_| true)
        .await
        .unwrap();
}

/// Takes all finalizers off an object.
async fn free<T: api::Object>(cluster: &Cluster, namespace: &str, name: &str) {
    let none = serde_json::json!({ "metadata": { "finalizers": null } });
    cluster.patch::<T>(namespace, name, none).await.unwrap();
}

/// Whether a pod is in this phase.
fn phase(pod: &Pod) -> &str {
    pod.status
        .as_ref()
        .and_then(|it| it.phase.as_deref())
        .unwrap_or_default()
}
