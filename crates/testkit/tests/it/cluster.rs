//! What a cluster has by itself, and that it ends.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use testkit::Cluster;

#[tokio::test(start_paused = true)]
async fn starts_and_ends() {
    let cluster = Cluster::start().await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_namespace_has_its_account_and_the_root_certificate() {
    let cluster = Cluster::start().await.unwrap();
    cluster
        .apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: own}")
        .await
        .unwrap();
    for namespace in [
        "default",
        "kube-system",
        "kube-public",
        "kube-node-lease",
        "own",
    ] {
        let active = |it: &Namespace| {
            it.status.as_ref().and_then(|it| it.phase.as_deref()) == Some("Active")
        };
        cluster.wait("", namespace, active).await.unwrap();
        cluster
            .wait::<ServiceAccount>(namespace, "default", |_| true)
            .await
            .unwrap();
        let has = |it: &ConfigMap| {
            it.data
                .as_ref()
                .is_some_and(|it| it["ca.crt"].contains("BEGIN CERTIFICATE"))
        };
        cluster
            .wait(namespace, "kube-root-ca.crt", has)
            .await
            .unwrap();
    }
    cluster
        .delete::<ServiceAccount>("own", "default", "")
        .await
        .unwrap();
    cluster
        .wait::<ServiceAccount>("own", "default", |_| true)
        .await
        .unwrap();
    let patch = serde_json::json!({ "data": { "ca.crt": "forged" } });
    cluster
        .patch::<ConfigMap>("own", "kube-root-ca.crt", patch)
        .await
        .unwrap();
    let mended = |it: &ConfigMap| it.data.as_ref().is_some_and(|it| it["ca.crt"] != "forged");
    cluster
        .wait("own", "kube-root-ca.crt", mended)
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}
