//! What one Service and its EndpointSlices mean for packets on this node. Pure. Upstream: kube-proxy's ServiceMap,
//! EndpointsMap and CategorizeEndpoints.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Service, ServicePort as Port, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use machinery::endpoint_slices;
use network::{Affinity, External, Protocol, ServicePort};
use reconcile::Key;

use crate::health::HealthCheck;

/// Lets another proxy take a service over.
const PROXY_NAME_LABEL: &str = "service.kubernetes.io/service-proxy-name";
/// `sessionAffinityConfig.clientIP.timeoutSeconds` when it is not given.
const AFFINITY_SECONDS: i32 = 10_800;

/// The service a slice belongs to.
pub(crate) fn service_of(slice: &EndpointSlice) -> Option<Key> {
    endpoint_slices::service_of(slice).map(|(namespace, name)| Key::new(namespace, name))
}

/// Every port of the service in each of its address families, named `namespace/name/protocol/port-name`. Headless
/// and ExternalName services have none.
pub fn service_ports(
    service: &Service,
    slices: &[Arc<EndpointSlice>],
    node: &str,
) -> Vec<(String, ServicePort)> {
    let Some(spec) = service
        .spec
        .as_ref()
        .filter(|spec| spec.type_.as_deref() != Some("ExternalName"))
    else {
        return Vec::new();
    };
    if service
        .metadata
        .labels
        .as_ref()
        .is_some_and(|labels| labels.contains_key(PROXY_NAME_LABEL))
    {
        return Vec::new();
    }
    let key = Key::of(&service.metadata);
    let mut found = Vec::new();
    for cluster_ip in cluster_ips(spec) {
        for port in spec.ports.iter().flatten() {
            let Some(protocol) = protocol(port.protocol.as_deref()) else {
                continue;
            };
            let Ok(number) = u16::try_from(port.port) else {
                continue;
            };
            let name = port.name.as_deref().unwrap_or_default();
            let family = if cluster_ip.is_ipv6() { "/v6" } else { "" };
            let name = format!(
                "{}/{}/{}/{name}{family}",
                key.namespace,
                key.name,
                protocol.name()
            );
            let backends = backends(slices, port, cluster_ip, node);
            let planned = ServicePort {
                protocol,
                cluster_ip,
                port: number,
                backends: backends.all,
                local_backends: backends.local,
                internal_local_only: spec.internal_traffic_policy.as_deref() == Some("Local"),
                external: external(service, spec, port, cluster_ip),
                affinity: affinity(spec),
            };
            found.push((name, planned));
        }
    }
    found
}

/// What load balancers are told of the service on this node, and where: only a service that keeps their traffic on
/// the node has something to tell.
pub(crate) fn health_check(
    service: &Service,
    slices: &[Arc<EndpointSlice>],
    node: &str,
) -> Option<HealthCheck> {
    let spec = service.spec.as_ref()?;
    let local = spec.type_.as_deref() == Some("LoadBalancer")
        && spec.external_traffic_policy.as_deref() == Some("Local");
    let port = spec.health_check_node_port.filter(|_| local)?;
    let endpoints = slices.iter().flat_map(|slice| slice.endpoints.iter());
    let ready = endpoints.flatten().filter(|it| {
        let ready = it.conditions.as_ref().and_then(|it| it.ready);
        ready.unwrap_or(true) && it.node_name.as_deref() == Some(node)
    });
    let addresses: BTreeSet<&String> = ready.filter_map(|it| it.addresses.first()).collect();
    Some(HealthCheck {
        port: u16::try_from(port).ok().filter(|it| *it > 0)?,
        local_endpoints: addresses.len(),
    })
}

fn cluster_ips(spec: &ServiceSpec) -> Vec<IpAddr> {
    let all = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in all.filter_map(|address| address.parse().ok()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

fn protocol(name: Option<&str>) -> Option<Protocol> {
    match name.unwrap_or("TCP") {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "SCTP" => Some(Protocol::Sctp),
        _ => None,
    }
}

fn affinity(spec: &ServiceSpec) -> Option<Affinity> {
    if spec.session_affinity.as_deref() != Some("ClientIP") {
        return None;
    }
    let config = spec
        .session_affinity_config
        .as_ref()
        .and_then(|config| config.client_ip.as_ref());
    let seconds = config
        .and_then(|config| config.timeout_seconds)
        .unwrap_or(AFFINITY_SECONDS);
    Some(Affinity {
        timeout_seconds: u32::try_from(seconds).unwrap_or_default().max(1),
    })
}

fn external(service: &Service, spec: &ServiceSpec, port: &Port, family: IpAddr) -> External {
    let kind = spec.type_.as_deref().unwrap_or("ClusterIP");
    let parse = |address: &String| {
        address
            .parse()
            .ok()
            .filter(|ip: &IpAddr| ip.is_ipv4() == family.is_ipv4())
    };
    let balancer = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer
        .and_then(|balancer| balancer.ingress.as_ref())
        .into_iter()
        .flatten();
    let load_balancer = ingress
        .filter(|_| kind == "LoadBalancer")
        .filter(|ingress| ingress.ip_mode.as_deref() != Some("Proxy"))
        .filter_map(|ingress| ingress.ip.as_ref().and_then(parse))
        .collect();
    External {
        node_port: port
            .node_port
            .and_then(|number| u16::try_from(number).ok())
            .filter(|number| *number > 0),
        addresses: spec
            .external_ips
            .iter()
            .flatten()
            .filter_map(parse)
            .collect(),
        load_balancer,
        local_only: spec.external_traffic_policy.as_deref() == Some("Local"),
        source_ranges: spec
            .load_balancer_source_ranges
            .iter()
            .flatten()
            .filter(|_| kind == "LoadBalancer")
            .filter_map(|range| range.trim().parse().ok())
            .collect(),
    }
}

#[derive(Default)]
struct Backends {
    all: Vec<SocketAddr>,
    local: Vec<SocketAddr>,
}

/// One address of one endpoint that listens on the port.
struct Candidate {
    address: SocketAddr,
    ready: bool,
    /// On its way out, but still answering.
    leaving: bool,
    local: bool,
}

fn backends(slices: &[Arc<EndpointSlice>], port: &Port, family: IpAddr, node: &str) -> Backends {
    let address_type = if family.is_ipv4() { "IPv4" } else { "IPv6" };
    let matching = slices
        .iter()
        .filter(|slice| slice.address_type == address_type);
    let candidates: Vec<Candidate> = matching
        .flat_map(|slice| candidates(slice, port, node))
        .collect();
    let choose = |local_only: bool| {
        let eligible = || {
            candidates
                .iter()
                .filter(move |candidate| candidate.local || !local_only)
        };
        let ready: BTreeSet<SocketAddr> =
            eligible().filter(|c| c.ready).map(|c| c.address).collect();
        let chosen = match ready.is_empty() {
            false => ready,
            true => eligible()
                .filter(|c| c.leaving)
                .map(|c| c.address)
                .collect(),
        };
        chosen.into_iter().collect()
    };
    Backends {
        all: choose(false),
        local: choose(true),
    }
}

fn candidates(slice: &EndpointSlice, port: &Port, node: &str) -> Vec<Candidate> {
    let name = port.name.as_deref().unwrap_or_default();
    let protocol = port.protocol.as_deref().unwrap_or("TCP");
    let same = |other: &&k8s_openapi::api::discovery::v1::EndpointPort| {
        other.name.as_deref().unwrap_or_default() == name
            && other.protocol.as_deref().unwrap_or("TCP") == protocol
    };
    let number = slice
        .ports
        .iter()
        .flatten()
        .find(same)
        .and_then(|port| u16::try_from(port.port?).ok());
    let Some(number) = number else {
        return Vec::new();
    };
    let candidate = |endpoint: &Endpoint| {
        let conditions = endpoint.conditions.as_ref();
        let ready = conditions
            .and_then(|conditions| conditions.ready)
            .unwrap_or(true);
        let serving = conditions
            .and_then(|conditions| conditions.serving)
            .unwrap_or(ready);
        let terminating = conditions
            .and_then(|conditions| conditions.terminating)
            .unwrap_or(false);
        // The addresses of one endpoint are interchangeable.
        let address = endpoint.addresses.first()?.parse().ok()?;
        Some(Candidate {
            address: SocketAddr::new(address, number),
            ready,
            leaving: serving && terminating,
            local: endpoint.node_name.as_deref() == Some(node),
        })
    };
    slice
        .endpoints
        .iter()
        .flatten()
        .filter_map(candidate)
        .collect()
}
