//! Endpoints written by hand, along upstream's EndpointSliceMirroring end-to-end test.

use k8s_openapi::api::{
    core::v1::{Endpoints, Service},
    discovery::v1::EndpointSlice,
};
use serde_json::json;
use testkit::Cluster;

const MIRRORS: &str = "kubernetes.io/service-name=db,endpointslice.kubernetes.io/managed-by=endpointslicemirroring-controller.k8s.io";

fn endpoints(ip: &str, port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Endpoints\nmetadata: {{name: db}}\n\
         subsets: [{{addresses: [{{ip: {ip}}}], ports: [{{name: sql, port: {port}}}]}}]\n"
    )
}

/// Addresses and ports of the slices, a word each.
fn shown(slices: &[EndpointSlice]) -> Vec<String> {
    let one = |slice: &EndpointSlice| {
        let addresses = slice
            .endpoints
            .iter()
            .flatten()
            .map(|it| it.addresses[0].clone());
        let ports = slice
            .ports
            .iter()
            .flatten()
            .map(|it| it.port.unwrap().to_string());
        addresses.chain(ports).collect::<Vec<_>>().join(":")
    };
    slices.iter().map(one).collect()
}

async fn mirrored(cluster: &Cluster, wanted: &[&str]) -> Vec<EndpointSlice> {
    cluster
        .wait_all("default", MIRRORS, |all| shown(all) == wanted)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn slices_follow_endpoints() {
    let cluster = Cluster::start().await.unwrap();
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {ports: [{name: sql, port: 5432}]}\n";
    cluster.apply(service).await.unwrap();
    cluster.apply(&endpoints("10.9.0.1", 5432)).await.unwrap();
    let first = mirrored(&cluster, &["10.9.0.1:5432"]).await;
    cluster.apply(&endpoints("10.9.0.2", 5432)).await.unwrap();
    let second = mirrored(&cluster, &["10.9.0.2:5432"]).await;
    assert_eq!(first[0].metadata.name, second[0].metadata.name);
    let label = |key: &str, value: &str| json!({ "metadata": { "labels": { key: value } } });
    let skip = "endpointslice.kubernetes.io/skip-mirror";
    cluster
        .patch::<Endpoints>("default", "db", label(skip, "true"))
        .await
        .unwrap();
    mirrored(&cluster, &[]).await;
    cluster
        .patch::<Endpoints>("default", "db", label(skip, "false"))
        .await
        .unwrap();
    mirrored(&cluster, &["10.9.0.2:5432"]).await;
    // A selector makes the endpoints somebody else's business.
    let selector = json!({ "spec": { "selector": { "app": "db" } } });
    cluster
        .patch::<Service>("default", "db", selector)
        .await
        .unwrap();
    mirrored(&cluster, &[]).await;
    let none = json!({ "spec": { "selector": null } });
    cluster
        .patch::<Service>("default", "db", none)
        .await
        .unwrap();
    cluster.apply(&endpoints("10.9.0.3", 5433)).await.unwrap();
    mirrored(&cluster, &["10.9.0.3:5433"]).await;
    cluster
        .delete::<Endpoints>("default", "db", "")
        .await
        .unwrap();
    mirrored(&cluster, &[]).await;
    cluster.stop().await.unwrap();
}
