//! Services: addresses, and endpoints that follow pods.

use crate::{deployment, ready};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Endpoints, Pod, Service},
    discovery::v1::EndpointSlice,
};
use network::Ruleset;
use serde_json::json;
use std::collections::BTreeSet;
use testkit::Cluster;

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  type: NodePort\n  \
    selector: {app: web}\n  ports: [{port: 80, targetPort: http}]\n";

fn ready_addresses(slices: &[EndpointSlice]) -> BTreeSet<String> {
    let endpoints = slices.iter().flat_map(|it| it.endpoints.iter().flatten());
    let ready = endpoints.filter(|it| {
        it.conditions
            .as_ref()
            .is_some_and(|it| it.ready == Some(true))
    });
    ready.flat_map(|it| it.addresses.clone()).collect()
}

async fn addresses_of_pods(cluster: &Cluster, count: usize) -> BTreeSet<String> {
    let settled = |all: &[Pod]| all.len() == count && all.iter().all(ready);
    let pods = cluster
        .wait_all("default", "app=web", settled)
        .await
        .unwrap();
    pods.iter()
        .map(|it| it.status.as_ref().unwrap().pod_ip.clone().unwrap())
        .collect()
}

/// The backends in the packet rules of a node.
fn backends(rules: &Ruleset, service: &str) -> BTreeSet<String> {
    let ports = rules.services.iter();
    let ports = ports.filter(|(name, _)| name.starts_with(service));
    ports
        .flat_map(|(_, port)| port.backends.iter().map(|it| it.ip().to_string()))
        .collect()
}

async fn follows(cluster: &Cluster, count: usize) {
    let wanted = addresses_of_pods(cluster, count).await;
    let firewall = cluster.firewall("one").unwrap();
    firewall
        .wait(|rules| backends(rules, "default/web/") == wanted)
        .await;
    let equal = |all: &[EndpointSlice]| ready_addresses(all) == wanted;
    let slices = cluster
        .wait_all("default", "kubernetes.io/service-name=web", equal)
        .await
        .unwrap();
    if count > 0 {
        let port = &slices[0].ports.as_ref().unwrap()[0];
        assert_eq!(
            (port.port, port.protocol.as_deref()),
            (Some(80), Some("TCP"))
        );
    }
    let listed = |it: &Endpoints| {
        let subsets = it.subsets.iter().flatten();
        let addresses = subsets.flat_map(|it| it.addresses.iter().flatten());
        addresses.map(|it| it.ip.clone()).collect::<BTreeSet<_>>() == wanted
    };
    cluster.wait("default", "web", listed).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn endpoints_follow_pods() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    cluster.apply(SERVICE).await.unwrap();
    let service = cluster
        .client()
        .get::<Service>("default", "web")
        .await
        .unwrap()
        .spec
        .unwrap();
    assert!(service.cluster_ip.unwrap().starts_with("10.43."));
    assert!((30_000..=32_767).contains(&service.ports.unwrap()[0].node_port.unwrap()));
    follows(&cluster, 0).await;
    cluster
        .apply(&deployment("web", 3, "registry.test/app:1"))
        .await
        .unwrap();
    follows(&cluster, 3).await;
    cluster
        .patch::<Deployment>("default", "web", json!({ "spec": { "replicas": 1 } }))
        .await
        .unwrap();
    follows(&cluster, 1).await;
    cluster
        .delete::<Service>("default", "web", "")
        .await
        .unwrap();
    cluster
        .wait_all::<EndpointSlice>("default", "kubernetes.io/service-name=web", <[_]>::is_empty)
        .await
        .unwrap();
    cluster
        .wait_gone::<Endpoints>("default", "web")
        .await
        .unwrap();
    let firewall = cluster.firewall("one").unwrap();
    let gone = |rules: &Ruleset| {
        !rules
            .services
            .keys()
            .any(|it| it.starts_with("default/web/"))
    };
    firewall.wait(gone).await;
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn addresses_are_not_given_twice() {
    let cluster = Cluster::start().await.unwrap();
    let mut seen = BTreeSet::new();
    for i in 0..50 {
        cluster
            .apply(&SERVICE.replace("name: web", &format!("name: web{i}")))
            .await
            .unwrap();
        let service = cluster
            .client()
            .get::<Service>("default", &format!("web{i}"))
            .await
            .unwrap();
        let spec = service.spec.unwrap();
        assert!(seen.insert(spec.cluster_ip.unwrap()));
        assert!(seen.insert(spec.ports.unwrap()[0].node_port.unwrap().to_string()));
    }
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_api_is_a_service_that_leads_to_the_server() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    let client = cluster.client();
    let slice = client
        .get::<EndpointSlice>("default", "kubernetes")
        .await
        .unwrap();
    let endpoints = client
        .get::<Endpoints>("default", "kubernetes")
        .await
        .unwrap();
    let address = slice.endpoints.unwrap()[0].addresses[0].clone();
    let subset = &endpoints.subsets.unwrap()[0];
    assert_eq!(subset.addresses.as_ref().unwrap()[0].ip, address);
    assert_eq!(
        subset.ports.as_ref().unwrap()[0].port,
        slice.ports.unwrap()[0].port.unwrap()
    );
    let firewall = cluster.firewall("one").unwrap();
    let leads =
        |rules: &Ruleset| backends(rules, "default/kubernetes/") == [address.clone()].into();
    firewall.wait(leads).await;
    cluster.stop().await.unwrap();
}
