//! Deployments: created, scaled, updated, stuck on a bad image, rolled back, paused, recreated.

use crate::{deployment, ready};
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::Pod,
};
use machinery::conditions;
use serde_json::{Value, json};
use testkit::Cluster;

const GOOD: &str = "registry.test/app:1";
const NEXT: &str = "registry.test/app:2";
const BAD: &str = "registry.test/missing:1";

async fn start(replicas: u32) -> Cluster {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    cluster.add_node("two").await.unwrap();
    for node in ["one", "two"] {
        cluster
            .runtime(node)
            .unwrap()
            .fail_pulls(BAD, Some("manifest unknown"));
    }
    cluster
        .apply(&deployment("web", replicas, GOOD))
        .await
        .unwrap();
    complete(&cluster, replicas).await;
    cluster
}

/// `kubectl rollout status`.
async fn complete(cluster: &Cluster, replicas: u32) {
    let replicas = i32::try_from(replicas).unwrap();
    let done = |it: &Deployment| {
        let status = it.status.clone().unwrap_or_default();
        status.observed_generation == it.metadata.generation
            && status.updated_replicas.unwrap_or(0) == replicas
            && status.available_replicas.unwrap_or(0) == replicas
            && status.replicas.unwrap_or(0) == replicas
            && it.spec.as_ref().unwrap().replicas == Some(replicas)
    };
    cluster.wait("default", "web", done).await.unwrap();
}

/// `kubectl patch deployment web`.
async fn change(cluster: &Cluster, change: Value) {
    cluster
        .patch::<Deployment>("default", "web", change)
        .await
        .unwrap();
}

/// Waits until there are so many ReplicaSets.
async fn sets(cluster: &Cluster, count: usize) -> Vec<ReplicaSet> {
    cluster
        .wait_all("default", "app=web", |all| all.len() == count)
        .await
        .unwrap()
}

async fn images(cluster: &Cluster) -> Vec<String> {
    let settled = |all: &[Pod]| {
        all.iter()
            .all(|it| ready(it) && it.metadata.deletion_timestamp.is_none())
    };
    let pods = cluster
        .wait_all("default", "app=web", settled)
        .await
        .unwrap();
    let image = |it: &Pod| {
        it.spec.as_ref().unwrap().containers[0]
            .image
            .clone()
            .unwrap()
    };
    pods.iter().map(image).collect()
}

fn image(image: &str) -> Value {
    json!({ "spec": { "template": { "spec": { "containers": [{ "name": "main", "image": image }] } } } })
}

fn progress(it: &Deployment) -> Option<String> {
    let conditions = it.status.as_ref()?.conditions.as_ref();
    conditions::get(conditions, "Progressing")?.reason.clone()
}

#[tokio::test(start_paused = true)]
async fn created_and_scaled() {
    let cluster = start(3).await;
    assert_eq!(images(&cluster).await, [GOOD; 3]);
    change(&cluster, json!({ "spec": { "replicas": 5 } })).await;
    complete(&cluster, 5).await;
    change(&cluster, json!({ "spec": { "replicas": 1 } })).await;
    complete(&cluster, 1).await;
    assert_eq!(images(&cluster).await, [GOOD]);
    change(&cluster, json!({ "spec": { "replicas": 0 } })).await;
    complete(&cluster, 0).await;
    cluster
        .wait_all::<Pod>("default", "app=web", <[Pod]>::is_empty)
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn updated_and_rolled_back() {
    let cluster = start(3).await;
    change(&cluster, image(NEXT)).await;
    complete(&cluster, 3).await;
    assert_eq!(images(&cluster).await, [NEXT; 3]);
    sets(&cluster, 2).await;
    change(&cluster, image(GOOD)).await;
    complete(&cluster, 3).await;
    assert_eq!(images(&cluster).await, [GOOD; 3]);
    let sets = sets(&cluster, 2).await;
    let mut revisions: Vec<_> = sets
        .iter()
        .map(|it| {
            it.metadata.annotations.as_ref().unwrap()["deployment.kubernetes.io/revision"].clone()
        })
        .collect();
    revisions.sort();
    assert_eq!(
        revisions,
        ["2", "3"],
        "a rollback is a new revision of the old ReplicaSet"
    );
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_bad_image_stops_the_rollout_and_keeps_what_serves() {
    let cluster = start(3).await;
    change(&cluster, image(BAD)).await;
    let stuck = |it: &Deployment| progress(it).as_deref() == Some("ProgressDeadlineExceeded");
    let late = cluster.wait("default", "web", stuck).await.unwrap();
    assert_eq!(
        late.status.unwrap().available_replicas,
        Some(3),
        "25% of 3 unavailable is none"
    );
    change(&cluster, image(GOOD)).await;
    complete(&cluster, 3).await;
    assert_eq!(images(&cluster).await, [GOOD; 3]);
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn recreate_never_mixes() {
    let cluster = start(2).await;
    let strategy = json!({ "spec": { "strategy": { "type": "Recreate", "rollingUpdate": null } } });
    change(&cluster, strategy).await;
    change(&cluster, image(NEXT)).await;
    complete(&cluster, 2).await;
    assert_eq!(images(&cluster).await, [NEXT; 2]);
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn paused_changes_wait() {
    let cluster = start(2).await;
    change(&cluster, json!({ "spec": { "paused": true } })).await;
    change(&cluster, image(NEXT)).await;
    let paused = |it: &Deployment| {
        let seen = it.status.as_ref().and_then(|it| it.observed_generation);
        seen == it.metadata.generation && progress(it).as_deref() == Some("DeploymentPaused")
    };
    cluster.wait("default", "web", paused).await.unwrap();
    assert_eq!(images(&cluster).await, [GOOD; 2]);
    change(&cluster, json!({ "spec": { "paused": false } })).await;
    complete(&cluster, 2).await;
    assert_eq!(images(&cluster).await, [NEXT; 2]);
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn old_revisions_are_forgotten() {
    let cluster = start(1).await;
    let limit = json!({ "spec": { "revisionHistoryLimit": 2 } });
    change(&cluster, limit).await;
    for i in 0..5 {
        let next = format!("registry.test/app:{}", i + 10);
        change(&cluster, image(&next)).await;
        complete(&cluster, 1).await;
    }
    sets(&cluster, 3).await;
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn scaled_in_the_middle_of_a_rollout() {
    let cluster = start(4).await;
    change(&cluster, image(BAD)).await;
    sets(&cluster, 2).await;
    let scale = json!({ "spec": { "replicas": 8 } });
    change(&cluster, scale).await;
    let served = |it: &Deployment| {
        let status = it.status.clone().unwrap_or_default();
        status.observed_generation == it.metadata.generation
            && status.available_replicas >= Some(6)
            && status.replicas == Some(10)
    };
    cluster.wait("default", "web", served).await.unwrap();
    change(&cluster, image(NEXT)).await;
    complete(&cluster, 8).await;
    assert_eq!(images(&cluster).await, [NEXT; 8]);
    cluster.stop().await.unwrap();
}
