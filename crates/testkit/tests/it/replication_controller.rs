//! Replication controllers, along upstream's end-to-end tests of them.

use k8s_openapi::api::core::v1::{Pod, ReplicationController, ResourceQuota};
use machinery::conditions;
use serde_json::json;
use testkit::Cluster;

fn controller(replicas: u32) -> String {
    format!(
        "apiVersion: v1\nkind: ReplicationController\nmetadata: {{name: rc}}\nspec:\n  replicas: {replicas}\n  \
         template:\n    metadata: {{labels: {{app: old}}}}\n    spec: {{containers: [{{name: main, image: registry.test/app:1}}]}}\n"
    )
}

fn owned(pod: &Pod) -> bool {
    let owners = pod.metadata.owner_references.iter().flatten();
    owners.into_iter().any(|it| {
        it.kind == "ReplicationController" && it.name == "rc" && it.controller == Some(true)
    })
}

fn counts(rc: &ReplicationController) -> (i32, Option<i32>) {
    let status = rc.status.clone().unwrap_or_default();
    (status.replicas, status.ready_replicas)
}

fn failure(rc: &ReplicationController) -> Option<(String, String)> {
    let conditions = rc.status.as_ref()?.conditions.as_ref();
    let found = conditions::get(conditions, "ReplicaFailure").filter(|it| it.status == "True")?;
    Some((found.reason.clone()?, found.message.clone()?))
}

#[tokio::test(start_paused = true)]
async fn keeps_scales_adopts_and_releases() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    cluster.apply(&crate::pod("old", "")).await.unwrap();
    cluster.apply(&controller(2)).await.unwrap();
    cluster.wait("default", "old", owned).await.unwrap();
    let two = |it: &ReplicationController| counts(it) == (2, Some(2));
    let rc = cluster.wait("default", "rc", two).await.unwrap();
    assert_eq!(rc.status.unwrap().observed_generation, Some(1));
    let scale = client::Path::of::<ReplicationController>("default")
        .part("rc")
        .part("scale");
    let patch = client::Patch::Merge(json!({ "spec": { "replicas": 3 } }));
    cluster.client().patch_at(scale, &patch).await.unwrap();
    let three = |it: &ReplicationController| counts(it) == (3, Some(3));
    cluster.wait("default", "rc", three).await.unwrap();
    let other = json!({ "metadata": { "labels": { "app": "other" } } });
    cluster.patch::<Pod>("default", "old", other).await.unwrap();
    cluster
        .wait("default", "old", |it: &Pod| !owned(it))
        .await
        .unwrap();
    let all = |all: &[Pod]| all.len() == 3 && all.iter().all(owned);
    cluster
        .wait_all::<Pod>("default", "app=old", all)
        .await
        .unwrap();
    let background = "Background";
    cluster
        .delete::<ReplicationController>("default", "rc", background)
        .await
        .unwrap();
    cluster
        .wait_all::<Pod>("default", "app=old", |all| all.is_empty())
        .await
        .unwrap();
    assert_eq!(cluster.running_containers("one").await.unwrap(), 1);
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn says_that_a_quota_is_exceeded_until_it_is_not() {
    let cluster = Cluster::start().await.unwrap();
    let quota =
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {pods: 2}}\n";
    cluster.apply(quota).await.unwrap();
    let counted = |it: &ResourceQuota| it.status.as_ref().is_some_and(|it| it.hard.is_some());
    cluster.wait("default", "q", counted).await.unwrap();
    cluster.apply(&controller(3)).await.unwrap();
    let failed = |it: &ReplicationController| failure(it).is_some() && counts(it).0 == 2;
    let rc = cluster.wait("default", "rc", failed).await.unwrap();
    let (reason, message) = failure(&rc).unwrap();
    assert_eq!(reason, "FailedCreate");
    assert!(message.contains("exceeded quota: q"), "{message}");
    let fewer = json!({ "spec": { "replicas": 2 } });
    cluster
        .patch::<ReplicationController>("default", "rc", fewer)
        .await
        .unwrap();
    let fine = |it: &ReplicationController| failure(it).is_none();
    cluster.wait("default", "rc", fine).await.unwrap();
    cluster.stop().await.unwrap();
}
