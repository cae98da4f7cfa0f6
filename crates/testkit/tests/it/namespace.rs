//! Namespaces empty before they go.

use crate::{deployment, free, make_own_namespace, wait_available};
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{ConfigMap, Namespace, NamespaceCondition, Pod, Secret},
};
use machinery::conditions;
use testkit::Cluster;

fn condition<'a>(namespace: &'a Namespace, kind: &str) -> Option<&'a NamespaceCondition> {
    conditions::get(namespace.status.as_ref()?.conditions.as_ref(), kind)
}

async fn is_empty<T: api::Object>(cluster: &Cluster) -> bool {
    let all = client::ListOptions::default();
    let listed = cluster.client().list::<T>("own", &all).await.unwrap();
    listed.items.is_empty()
}

#[tokio::test(start_paused = true)]
async fn deletion_empties() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    make_own_namespace(&cluster).await;
    let web = deployment("web", 2, "registry.test/app:1")
        .replace("{name: web}", "{name: web, namespace: own}");
    cluster.apply(&web).await.unwrap();
    cluster
        .apply(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: own}\nstringData: {a: b}",
        )
        .await
        .unwrap();
    wait_available(&cluster, "own", 2).await;
    cluster.delete::<Namespace>("", "own", "").await.unwrap();
    cluster.wait_gone::<Namespace>("", "own").await.unwrap();
    assert!(is_empty::<Deployment>(&cluster).await);
    assert!(is_empty::<ReplicaSet>(&cluster).await);
    assert!(is_empty::<Pod>(&cluster).await);
    assert!(is_empty::<Secret>(&cluster).await);
    assert!(is_empty::<ConfigMap>(&cluster).await);
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
        condition(it, "NamespaceFinalizersRemaining").is_some_and(|it| it.status == "True")
    };
    cluster.wait("", "own", held).await.unwrap();
    free::<ConfigMap>(&cluster, "own", "held").await;
    cluster.wait_gone::<Namespace>("", "own").await.unwrap();
    cluster.stop().await.unwrap();
}

/// What is held back stands on the first page; what comes after it goes all the same.
#[tokio::test(start_paused = true)]
async fn more_than_fits_on_a_page() {
    let cluster = Cluster::start().await.unwrap();
    make_own_namespace(&cluster).await;
    let mut map = ConfigMap::default();
    map.metadata.namespace = Some("own".to_owned());
    for number in 0..1_100 {
        map.metadata.name = Some(format!("map-{number:04}"));
        let held = (number < 2).then(|| vec!["example.test/hold".to_owned()]);
        map.metadata.finalizers = held;
        cluster.client().create(&map).await.unwrap();
    }
    cluster.delete::<Namespace>("", "own", "").await.unwrap();
    let held = |it: &Namespace| {
        let remaining = condition(it, "NamespaceFinalizersRemaining");
        remaining.is_some_and(|it| {
            let told = it.message.as_deref().unwrap_or_default();
            it.status == "True" && told.contains("example.test/hold in 2 resource instances")
        })
    };
    cluster.wait("", "own", held).await.unwrap();
    let all = client::ListOptions::default();
    let left = cluster.client().list::<ConfigMap>("own", &all).await;
    assert_eq!(left.unwrap().items.len(), 2);
    free::<ConfigMap>(&cluster, "own", "map-0000").await;
    free::<ConfigMap>(&cluster, "own", "map-0001").await;
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
    make_own_namespace(&cluster).await;
    cluster.apply(&held).await.unwrap();
    cluster
        .apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: used, namespace: own}")
        .await
        .unwrap();
    cluster.delete::<Namespace>("", "own", "").await.unwrap();
    let text = "Some resources are remaining: pods. has 1 resource instances";
    let says = |it: &Namespace| {
        condition(it, "NamespaceContentRemaining")
            .is_some_and(|it| it.message.as_deref() == Some(text))
    };
    cluster.wait("", "own", says).await.unwrap();
    let used = cluster
        .client()
        .get::<ConfigMap>("own", "used")
        .await
        .unwrap();
    assert!(used.metadata.deletion_timestamp.is_none());
    free::<Pod>(&cluster, "own", "held").await;
    cluster.wait_gone::<Namespace>("", "own").await.unwrap();
    cluster.stop().await.unwrap();
}
