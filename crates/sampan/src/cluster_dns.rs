//! DNS of the cluster: the server on the node's pod-network address, and the Service `kube-system/kube-dns` that
//! leads to it.

use crate::{arguments::ServerOptions, node, server::Server, wiring};
use anyhow::Context as _;
use apiserver::Door;
use client::Path;
use dns::Upstream;
use machinery::endpoint_slices;
use reconcile::Caches;
use serde_json::json;
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

const NAMESPACE: &str = "kube-system";
const SERVICE: &str = "kube-dns";
const PORT: u16 = 53;

/// The service address that pods ask.
pub(crate) fn address(options: &ServerOptions) -> Ipv4Addr {
    options
        .cluster_dns
        .unwrap_or_else(|| wiring::nth(options.service_cidr.v4, 10))
}

/// Starts the server on `gateway` and makes the objects that lead to it.
pub(crate) async fn start(
    server: &Server,
    door: &Arc<Door>,
    caches: &Caches,
    gateway: Ipv4Addr,
) -> anyhow::Result<()> {
    let sockets = dns::Server::bind(&[SocketAddr::from((gateway, PORT))]).await?;
    let resolv_conf = std::fs::read_to_string(node::resolv_conf()).unwrap_or_default();
    let upstream = Upstream::new(Upstream::servers_of(&resolv_conf));
    let (caches, domain) = (caches.clone(), server.options.cluster_domain.clone());
    server.tasks.spawn("dns", async move {
        if let Err(error) = dns::run(&caches, sockets, &domain, upstream).await {
            tracing::error!(%error, "cluster DNS ended");
        }
    });
    publish(server, door, gateway).await
}

async fn publish(server: &Server, door: &Arc<Door>, gateway: Ipv4Addr) -> anyhow::Result<()> {
    let client = server.client(door, "system:kube-dns", "kube-dns");
    let labels = json!({ "k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS" });
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": SERVICE, "namespace": NAMESPACE, "labels": labels },
        "spec": {
            "clusterIP": address(&server.options).to_string(),
            "ports": [
                { "name": "dns", "protocol": "UDP", "port": PORT, "targetPort": PORT },
                { "name": "dns-tcp", "protocol": "TCP", "port": PORT, "targetPort": PORT },
            ],
        },
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "name": SERVICE, "namespace": NAMESPACE,
            "labels": { endpoint_slices::SERVICE_NAME: SERVICE, endpoint_slices::MANAGED_BY: "sampan" },
        },
        "addressType": "IPv4",
        "endpoints": [{ "addresses": [gateway.to_string()], "conditions": { "ready": true } }],
        "ports": [
            { "name": "dns", "protocol": "UDP", "port": PORT },
            { "name": "dns-tcp", "protocol": "TCP", "port": PORT },
        ],
    });
    let collection =
        |group: &str, plural: &str| Path::collection(group, "v1", NAMESPACE, plural).part(SERVICE);
    for (path, object) in [
        (collection("", "services"), service),
        (collection("discovery.k8s.io", "endpointslices"), slice),
    ] {
        let shown = path.as_str().to_owned();
        client
            .apply_at(path, object)
            .await
            .with_context(|| format!("cannot publish the cluster's DNS at {shown}"))?;
    }
    Ok(())
}
