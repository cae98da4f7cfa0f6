//! What is kept while it is used: claims, volumes, ranges of service addresses.

use k8s_openapi::api::{
    core::v1::{PersistentVolume, PersistentVolumeClaim, Pod, Service},
    networking::v1::ServiceCIDR,
};
use machinery::conditions;
use serde_json::json;
use testkit::Cluster;

fn ready(range: &ServiceCIDR) -> Option<(String, String)> {
    let status = range.status.as_ref()?;
    let found = conditions::get(status.conditions.as_ref(), "Ready")?;
    Some((found.status.clone(), found.reason.clone()))
}

#[tokio::test(start_paused = true)]
async fn a_claim_stays_while_a_pod_uses_it() {
    let cluster = Cluster::start().await.unwrap();
    cluster
        .apply("apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n")
        .await
        .unwrap();
    cluster
        .apply("apiVersion: v1\nkind: Node\nmetadata: {name: none}\n")
        .await
        .unwrap();
    cluster
        .apply("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {nodeName: none, containers: [{name: main, image: registry.test/app:1}], volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]}\n")
        .await
        .unwrap();
    cluster
        .delete::<PersistentVolumeClaim>("default", "c", "")
        .await
        .unwrap();
    cluster.pass(std::time::Duration::from_secs(60)).await;
    let held: PersistentVolumeClaim = cluster.client().get("default", "c").await.unwrap();
    assert_eq!(
        held.metadata.finalizers.unwrap(),
        ["kubernetes.io/pvc-protection"]
    );
    let now = client::DeleteOptions {
        grace_seconds: Some(0),
        ..client::DeleteOptions::default()
    };
    cluster
        .client()
        .delete::<Pod>("default", "p", &now)
        .await
        .unwrap();
    cluster
        .wait_gone::<PersistentVolumeClaim>("default", "c")
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_volume_stays_while_it_is_bound() {
    let cluster = Cluster::start().await.unwrap();
    cluster
        .apply("apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: v}\nspec: {accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, hostPath: {path: /v}}\n")
        .await
        .unwrap();
    let phase = |phase: &str| client::Patch::Strategic(json!({ "status": { "phase": phase } }));
    let client = cluster.client();
    client
        .patch::<PersistentVolume>("", "v", "status", &phase("Bound"))
        .await
        .unwrap();
    cluster
        .delete::<PersistentVolume>("", "v", "")
        .await
        .unwrap();
    cluster.pass(std::time::Duration::from_secs(60)).await;
    client.get::<PersistentVolume>("", "v").await.unwrap();
    client
        .patch::<PersistentVolume>("", "v", "status", &phase("Released"))
        .await
        .unwrap();
    cluster
        .wait_gone::<PersistentVolume>("", "v")
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_range_stays_while_an_address_needs_it() {
    let cluster = Cluster::start().await.unwrap();
    let is =
        |wanted: &'static str| move |it: &ServiceCIDR| ready(it).is_some_and(|it| it.0 == wanted);
    let own = cluster
        .wait::<ServiceCIDR>("", "kubernetes", is("True"))
        .await
        .unwrap();
    let finalizers = own.metadata.finalizers.unwrap();
    assert_eq!(finalizers, ["networking.k8s.io/service-cidr-finalizer"]);
    cluster
        .apply("apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {name: more}\nspec: {cidrs: [10.50.0.0/24]}\n")
        .await
        .unwrap();
    cluster
        .wait::<ServiceCIDR>("", "more", is("True"))
        .await
        .unwrap();
    cluster
        .apply("apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {clusterIP: 10.50.0.9, ports: [{port: 80}]}\n")
        .await
        .unwrap();
    cluster.delete::<ServiceCIDR>("", "more", "").await.unwrap();
    let blocked = cluster
        .wait::<ServiceCIDR>("", "more", is("False"))
        .await
        .unwrap();
    assert_eq!(
        ready(&blocked),
        Some(("False".to_owned(), "Terminating".to_owned()))
    );
    cluster.delete::<Service>("default", "s", "").await.unwrap();
    cluster.wait_gone::<ServiceCIDR>("", "more").await.unwrap();
    cluster.stop().await.unwrap();
}
