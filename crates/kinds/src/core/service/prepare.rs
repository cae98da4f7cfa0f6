//! What an update of a service drops by itself: fields that the old type needed, that the new one does
//! not, and that the client left as they were. Upstream: `dropTypeDependentFields`.

use super::validate::{is_external, kind, needs_health_check};
use k8s_openapi::api::core::v1::ServiceSpec;

fn needs_address(spec: &ServiceSpec) -> bool {
    kind(spec) != "ExternalName"
}

fn needs_node_ports(spec: &ServiceSpec) -> bool {
    match kind(spec) {
        "NodePort" => true,
        "LoadBalancer" => spec.allocate_load_balancer_node_ports != Some(false),
        _ => false,
    }
}

fn is_balancer(spec: &ServiceSpec) -> bool {
    kind(spec) == "LoadBalancer"
}

fn clear<T: PartialEq + Clone>(new: &mut Option<T>, old: &Option<T>) {
    if new == old {
        *new = None;
    }
}

/// Drops from `new` what only the type of `old` had a use for.
pub(super) fn drop_unused(new: &mut ServiceSpec, old: &ServiceSpec) {
    let over = |needs: fn(&ServiceSpec) -> bool, new: &ServiceSpec| needs(old) && !needs(new);
    if over(needs_address, new) {
        if new.cluster_ip == old.cluster_ip && new.cluster_ips == old.cluster_ips {
            new.cluster_ip = None;
            new.cluster_ips = None;
        }
        clear(&mut new.ip_families, &old.ip_families);
        clear(&mut new.ip_family_policy, &old.ip_family_policy);
    }
    if over(needs_node_ports, new) {
        let ports = |it: &ServiceSpec| -> Vec<_> {
            it.ports.iter().flatten().map(|it| it.node_port).collect()
        };
        if ports(new) == ports(old) {
            for port in new.ports.iter_mut().flatten() {
                port.node_port = None;
            }
        }
    }
    if over(needs_health_check, new) {
        clear(&mut new.health_check_node_port, &old.health_check_node_port);
    }
    if over(is_balancer, new) {
        let (ports, before) = (
            &mut new.allocate_load_balancer_node_ports,
            &old.allocate_load_balancer_node_ports,
        );
        clear(ports, before);
        clear(&mut new.load_balancer_class, &old.load_balancer_class);
    }
    if over(is_external, new) {
        clear(
            &mut new.external_traffic_policy,
            &old.external_traffic_policy,
        );
    }
}
