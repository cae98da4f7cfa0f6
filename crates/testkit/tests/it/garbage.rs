//! The garbage collector: background, foreground, orphans, and owners that never were.

use crate::{deployment, run_web};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, ReplicaSet},
        core::v1::{ConfigMap, Pod, Secret},
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use serde_json::json;
use testkit::Cluster;

async fn start() -> Cluster {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    run_web(&cluster, 2).await;
    cluster
}

/// Deletes the Deployment by a propagation policy, and waits until it is gone.
async fn delete(cluster: &Cluster, propagation: &'static str) {
    cluster
        .delete::<Deployment>("default", "web", propagation)
        .await
        .unwrap();
    cluster
        .wait_gone::<Deployment>("default", "web")
        .await
        .unwrap();
}

async fn all_gone(cluster: &Cluster) {
    cluster
        .wait_all::<ReplicaSet>("default", "app=web", <[_]>::is_empty)
        .await
        .unwrap();
    cluster
        .wait_all::<Pod>("default", "app=web", <[_]>::is_empty)
        .await
        .unwrap();
    assert_eq!(cluster.running_containers("one").await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn background() {
    let cluster = start().await;
    delete(&cluster, "Background").await;
    all_gone(&cluster).await;
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn foreground() {
    let cluster = start().await;
    delete(&cluster, "Foreground").await;
    let left = cluster
        .client()
        .list::<Pod>("default", &client::ListOptions::default())
        .await
        .unwrap();
    assert_eq!(left.items.len(), 0, "the owner goes last");
    all_gone(&cluster).await;
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn orphan() {
    let cluster = start().await;
    delete(&cluster, "Orphan").await;
    let free = |all: &[ReplicaSet]| {
        all.len() == 1
            && all[0]
                .metadata
                .owner_references
                .as_ref()
                .is_none_or(Vec::is_empty)
    };
    cluster.wait_all("default", "app=web", free).await.unwrap();
    cluster
        .wait_all::<Pod>("default", "app=web", |all| all.len() == 2)
        .await
        .unwrap();
    // The next Deployment of that name takes them over.
    cluster
        .apply(&deployment("web", 2, "registry.test/app:1"))
        .await
        .unwrap();
    let adopted = |all: &[ReplicaSet]| {
        all.len() == 1
            && all[0]
                .metadata
                .owner_references
                .as_ref()
                .is_some_and(|it| it.len() == 1)
    };
    cluster
        .wait_all("default", "app=web", adopted)
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}

/// The watches rest between looks: what they have not seen yet is orphaned all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dependents_made_just_before_are_orphaned_too() {
    let cluster = Cluster::start().await.unwrap();
    let client = cluster.client();
    // Once it takes something away the collector is at work.
    let nobody = ("nobody", "0b7a1d5e-0000-4000-8000-000000000000");
    owned(&cluster, "lost", nobody).await;
    cluster
        .wait_gone::<Secret>("default", "lost")
        .await
        .unwrap();
    for owner in ["owner-1", "owner-2", "owner-3"] {
        let yaml = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {owner}}}\n");
        cluster.apply(&yaml).await.unwrap();
        let made = client.get::<ConfigMap>("default", owner).await.unwrap();
        let uid = made.metadata.uid.unwrap();
        for number in 0..3 {
            owned(&cluster, &format!("{owner}-{number}"), (owner, &uid)).await;
        }
        cluster
            .delete::<ConfigMap>("default", owner, "Orphan")
            .await
            .unwrap();
    }
    let free = |it: &Secret| {
        let owners = it.metadata.owner_references.as_ref();
        owners.is_none_or(Vec::is_empty)
    };
    cluster
        .wait_all::<Secret>("default", "owned=yes", |all| {
            all.len() == 9 && all.iter().all(free)
        })
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}

/// Makes a Secret that the ConfigMap of this name and UID owns.
async fn owned(cluster: &Cluster, name: &str, (owner, uid): (&str, &str)) {
    let mut secret = Secret::default();
    secret.metadata.name = Some(name.to_owned());
    secret.metadata.namespace = Some("default".to_owned());
    secret.metadata.labels = Some([("owned".to_owned(), "yes".to_owned())].into());
    secret.metadata.owner_references = Some(vec![OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        name: owner.to_owned(),
        uid: uid.to_owned(),
        ..OwnerReference::default()
    }]);
    cluster.client().create(&secret).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_never_was() {
    let cluster = Cluster::start().await.unwrap();
    cluster
        .apply(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: lost\n  ownerReferences:\n  \
             - {apiVersion: v1, kind: ConfigMap, name: nobody, uid: 0b7a1d5e-0000-4000-8000-000000000000}\n",
        )
        .await
        .unwrap();
    cluster
        .wait_gone::<ConfigMap>("default", "lost")
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}

/// Three objects of which each owns the next and the last owns the first, each blocking.
#[tokio::test(start_paused = true)]
async fn a_circle_does_not_hold_itself() {
    let cluster = Cluster::start().await.unwrap();
    let client = cluster.client();
    let mut uids = Vec::new();
    for name in ["a", "b", "c"] {
        let yaml = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
        cluster.apply(&yaml).await.unwrap();
        let made = client.get::<ConfigMap>("default", name).await.unwrap();
        uids.push(made.metadata.uid.unwrap());
    }
    for (name, owner, uid) in [
        ("a", "c", &uids[2]),
        ("b", "a", &uids[0]),
        ("c", "b", &uids[1]),
    ] {
        let owner = json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uid, "blockOwnerDeletion": true }]);
        let patch = json!({ "metadata": { "ownerReferences": owner } });
        cluster
            .patch::<ConfigMap>("default", name, patch)
            .await
            .unwrap();
    }
    cluster
        .delete::<ConfigMap>("default", "a", "Foreground")
        .await
        .unwrap();
    for name in ["a", "b", "c"] {
        cluster
            .wait_gone::<ConfigMap>("default", name)
            .await
            .unwrap();
    }
    cluster.stop().await.unwrap();
}
