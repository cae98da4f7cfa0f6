//! The node in this process: runtime, network, kubelet, proxy and DNS.

use crate::{cluster_dns, hello_image, nodes::Nodes, server::Server, wiring};
use anyhow::Context as _;
use apiserver::{Door, User};
use ipnet::IpNet;
use kubelet::Kubelet;
use network::{Bridge, BridgeConfig, ClusterRanges, Firewall, Journal, Nftables, PodNetwork as _};
use reconcile::Caches;
use runtime::{Native, Options, image::Registries};
use std::{path::Path, sync::Arc};

/// The links' MTU; what every network that a node may hang on carries.
const MTU: u32 = 1500;

/// Starts the node's parts. `caches` are the process's shared ones.
pub(crate) async fn start(
    server: &Server,
    door: &Arc<Door>,
    caches: &Caches,
    nodes: &Nodes,
) -> anyhow::Result<()> {
    let pod_range = wiring::node_pod_range(server.options.cluster_cidr);
    let (firewall, bridge) = start_network(server).await?;
    let native = start_runtime(server).await?;
    let user = User::new(
        &format!("system:node:{}", server.node_name),
        &["system:nodes", User::AUTHENTICATED],
    );
    let caches = caches.writing_as(wiring::client(door, &user, "kubelet"));
    if !server.is_disabled("dns") {
        cluster_dns::start(server, door, &caches, wiring::nth(pod_range, 1)).await?;
    }
    if server.is_disabled("proxy") {
        // Without a proxy the rules for pods are still needed: masquerade and host ports.
        firewall
            .change_services(network::ServiceChanges::new())
            .await?;
    } else {
        let (caches, node) = (caches.clone(), server.node_name.clone());
        server.tasks.spawn("proxy", async move {
            let everywhere = std::net::Ipv4Addr::UNSPECIFIED.into();
            proxy::run(&caches, firewall, &node, Some(everywhere)).await
        });
    }
    let kubelet = Kubelet::start(
        kubelet_config(server, &native),
        &caches,
        Arc::new(native),
        Arc::new(bridge),
        server.clock.clone(),
        &server.tasks,
    )
    .await?;
    nodes.add(server.node_name.clone(), kubelet);
    Ok(())
}

async fn start_network(server: &Server) -> anyhow::Result<(Arc<dyn Firewall>, Bridge)> {
    let pod_range = wiring::node_pod_range(server.options.cluster_cidr);
    let journal = Arc::new(Journal::open(&server.paths.journal())?);
    let ranges = ClusterRanges {
        pods: vec![IpNet::V4(server.options.cluster_cidr)],
        services: vec![IpNet::V4(server.options.service_cidr.v4)],
        bridge: wiring::BRIDGE.to_owned(),
    };
    let firewall: Arc<dyn Firewall> = Arc::new(Nftables::new(ranges, Arc::clone(&journal)));
    let config = BridgeConfig {
        name: wiring::BRIDGE.to_owned(),
        pod_range,
        service_range: Some(server.options.service_cidr.v4),
        mtu: MTU,
        state_dir: server.paths.network(),
    };
    let bridge = Bridge::set_up(config, journal, Arc::clone(&firewall))
        .await
        .context("the pod network cannot be set up")?;
    tracing::debug!(gateway = ?bridge.gateway(), "the pod network is up");
    Ok((firewall, bridge))
}

async fn start_runtime(server: &Server) -> anyhow::Result<Native> {
    let mut options = Options::new(server.paths.runtime());
    options.registries = Registries {
        plain_http: server.options.insecure_registry.clone(),
        certificates: server.options.registry_certs_dir.clone(),
    };
    let native = Native::open(options)
        .await
        .context("the container runtime cannot start")?;
    native.self_test(None).await.context(
        "the container runtime does not confine containers on this machine, so it will not run any",
    )?;
    let images: Arc<dyn runtime::Images> = Arc::new(native.clone());
    crate::server::serve_admin(server, Arc::clone(&images))?;
    let told = Arc::clone(&server.demo_image);
    let wanted = !server.is_disabled("demo-image");
    server.tasks.spawn("demo image", async move {
        if wanted {
            hello_image::ensure(&*images).await;
        }
        told.notify_one();
    });
    Ok(native)
}

fn kubelet_config(server: &Server, native: &Native) -> kubelet::Config {
    let options = &server.options;
    let address = options.node_ip.unwrap_or(server.address);
    let mut config = kubelet::Config::new(&server.node_name, vec![address], server.paths.kubelet());
    config.control_plane = true;
    config.log_dir = server.paths.logs();
    config.cgroup_root = native.pods_cgroup();
    config.cluster_dns = kubelet::container::dns::ClusterDns {
        servers: vec![cluster_dns::address(options).to_string()],
        domain: options.cluster_domain.clone(),
    };
    config.resolv_conf = resolv_conf();
    config
}

/// The file that names the host's name servers; systemd-resolved keeps the real ones beside its stub.
pub(crate) fn resolv_conf() -> std::path::PathBuf {
    let real = Path::new("/run/systemd/resolve/resolv.conf");
    let path = if real.exists() {
        real
    } else {
        Path::new("/etc/resolv.conf")
    };
    path.to_owned()
}
