//! Which fields of a Service hold addresses and ports, and how they follow from each other. Pure.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use std::net::IpAddr;

const NONE: &str = "None";

fn kind(spec: &ServiceSpec) -> &str {
    spec.type_
        .as_deref()
        .filter(|it| !it.is_empty())
        .unwrap_or("ClusterIP")
}

fn has_node_ports(spec: &ServiceSpec) -> bool {
    match kind(spec) {
        "NodePort" => true,
        "LoadBalancer" => spec.allocate_load_balancer_node_ports != Some(false),
        _ => false,
    }
}

fn is_external(spec: &ServiceSpec) -> bool {
    kind(spec) == "ExternalName"
}

/// The addresses a Service holds.
pub(super) fn held_addresses(service: &Service) -> Vec<IpAddr> {
    let Some(spec) = &service.spec else {
        return Vec::new();
    };
    let mut all: Vec<IpAddr> = spec
        .cluster_ips
        .iter()
        .flatten()
        .filter_map(|it| it.parse().ok())
        .collect();
    all.extend(
        spec.cluster_ip
            .iter()
            .filter_map(|it| it.parse::<IpAddr>().ok()),
    );
    all.sort_unstable();
    all.dedup();
    all
}

/// The node ports a Service holds, with their protocols.
pub(super) fn held_ports(service: &Service) -> Vec<(String, u16)> {
    let Some(spec) = &service.spec else {
        return Vec::new();
    };
    let mut all: Vec<(String, u16)> = spec
        .ports
        .iter()
        .flatten()
        .filter_map(|port| {
            let number = u16::try_from(port.node_port?).ok().filter(|it| *it != 0)?;
            Some((
                port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
                number,
            ))
        })
        .collect();
    if let Some(number) = spec
        .health_check_node_port
        .and_then(|it| u16::try_from(it).ok())
        .filter(|it| *it != 0)
    {
        all.push(("TCP".to_owned(), number));
    }
    all
}

pub(super) fn needs_address(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| {
        let given = spec.cluster_ip.as_deref().unwrap_or_default();
        !is_external(spec) && given.is_empty()
    })
}

pub(super) fn needs_ports(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| {
        has_node_ports(spec)
            && spec
                .ports
                .iter()
                .flatten()
                .any(|port| port.node_port.unwrap_or(0) == 0)
    })
}

/// Ports that still want a node port.
pub(super) fn unassigned_ports(service: &mut Service) -> impl Iterator<Item = &mut ServicePort> {
    let ports = service.spec.as_mut().and_then(|spec| spec.ports.as_mut());
    ports
        .into_iter()
        .flatten()
        .filter(|port| port.node_port.unwrap_or(0) == 0)
}

pub(super) fn set_address(service: &mut Service, address: IpAddr) {
    let spec = service.spec.get_or_insert_default();
    spec.cluster_ip = Some(address.to_string());
    spec.cluster_ips = Some(vec![address.to_string()]);
}

/// Fields that an update may leave out keep their values.
pub(super) fn carry_over(service: &mut Service, old: Option<&Service>) {
    let Some(spec) = service.spec.as_mut() else {
        return;
    };
    if spec.cluster_ips.as_ref().is_none_or(Vec::is_empty)
        && spec.cluster_ip.as_deref().is_some_and(|it| !it.is_empty())
    {
        spec.cluster_ips = spec.cluster_ip.clone().map(|it| vec![it]);
    }
    let Some(old) = old.and_then(|it| it.spec.as_ref()) else {
        return;
    };
    if is_external(spec) || is_external(old) {
        return;
    }
    if spec.cluster_ip.as_deref().unwrap_or_default().is_empty() {
        spec.cluster_ip.clone_from(&old.cluster_ip);
        spec.cluster_ips.clone_from(&old.cluster_ips);
    }
    if spec.ip_families.as_ref().is_none_or(Vec::is_empty) {
        spec.ip_families.clone_from(&old.ip_families);
    }
    if spec.ip_family_policy.is_none() {
        spec.ip_family_policy.clone_from(&old.ip_family_policy);
    }
    if has_node_ports(spec) && has_node_ports(old) {
        carry_over_ports(spec, old);
    }
}

/// A port that was there before, by number and protocol, keeps its node port.
fn carry_over_ports(spec: &mut ServiceSpec, old: &ServiceSpec) {
    let taken: Vec<i32> = spec
        .ports
        .iter()
        .flatten()
        .filter_map(|port| port.node_port)
        .collect();
    for port in spec
        .ports
        .iter_mut()
        .flatten()
        .filter(|port| port.node_port.unwrap_or(0) == 0)
    {
        let before = old
            .ports
            .iter()
            .flatten()
            .find(|it| it.port == port.port && it.protocol == port.protocol);
        port.node_port = before
            .and_then(|it| it.node_port)
            .filter(|it| !taken.contains(it));
    }
}

/// One family, that of the address given, or IPv4.
pub(super) fn default_families(service: &mut Service) {
    let Some(spec) = service.spec.as_mut() else {
        return;
    };
    if is_external(spec) {
        return;
    }
    if spec.ip_families.as_ref().is_none_or(Vec::is_empty) {
        let given: Option<IpAddr> = spec.cluster_ip.as_deref().and_then(|it| it.parse().ok());
        let family = if given.is_some_and(|it| it.is_ipv6()) {
            "IPv6"
        } else {
            "IPv4"
        };
        spec.ip_families = Some(vec![family.to_owned()]);
    }
    spec.ip_family_policy
        .get_or_insert_with(|| "SingleStack".to_owned());
    if spec.cluster_ip.as_deref() == Some(NONE) {
        spec.cluster_ips = Some(vec![NONE.to_owned()]);
    }
}

/// What the Service's type has no use for.
pub(super) fn clear_unused(service: &mut Service) {
    let Some(spec) = service.spec.as_mut() else {
        return;
    };
    if is_external(spec) {
        spec.cluster_ip = None;
        spec.cluster_ips = None;
        spec.ip_families = None;
        spec.ip_family_policy = None;
    }
    if matches!(kind(spec), "ClusterIP" | "ExternalName") {
        for port in spec.ports.iter_mut().flatten() {
            port.node_port = None;
        }
    }
}
