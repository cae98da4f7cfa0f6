//! Errors of services: upstream's `ValidateService` and `ValidateServiceUpdate`.

mod addresses;
mod change;
mod ports;

pub(super) use change::{status, update};

use crate::check;
use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use machinery::{
    field::{Error, ErrorList, Path},
    labels, names,
};

const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const AFFINITIES: &[&str] = &["ClientIP", "None"];
const POLICIES: &[&str] = &["Cluster", "Local"];
const DISTRIBUTIONS: &[&str] = &["PreferClose", "PreferSameNode", "PreferSameZone"];
const AFFINITY_LIMIT_SECONDS: i32 = 24 * 60 * 60;
const ONLY_BALANCERS: &str = "may only be used when `type` is 'LoadBalancer'";
/// Annotations that once said what fields say now.
const RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
pub(super) const HINTS: &str = "service.kubernetes.io/topology-aware-hints";
pub(super) const TOPOLOGY_MODE: &str = "service.kubernetes.io/topology-mode";

/// The type, `""` where it is missing.
pub(super) fn kind(spec: &ServiceSpec) -> &str {
    spec.type_.as_deref().unwrap_or_default()
}

/// A service whose name leads to its pods.
pub(super) fn is_headless(spec: &ServiceSpec) -> bool {
    matches!(spec.cluster_ips.as_deref(), Some([only]) if only == "None")
}

/// Whether traffic from outside can reach it.
pub(super) fn is_external(spec: &ServiceSpec) -> bool {
    let addresses = spec.external_ips.as_ref().is_some_and(|it| !it.is_empty());
    match kind(spec) {
        "LoadBalancer" | "NodePort" => true,
        "ClusterIP" => addresses,
        _ => false,
    }
}

/// Whether a balancer asks each node for its health.
pub(super) fn needs_health_check(spec: &ServiceSpec) -> bool {
    kind(spec) == "LoadBalancer" && spec.external_traffic_policy.as_deref() == Some("Local")
}

/// Errors of a new service.
pub(super) fn service(object: &Service) -> ErrorList {
    checked(object, None)
}

/// Errors of a service; what the old one spelled oddly may stay.
fn checked(object: &Service, old: Option<&Service>) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let path = Path::new("spec");
    let empty = ServiceSpec::default();
    let spec = object.spec.as_ref().unwrap_or(&empty);
    let before = old.and_then(|it| it.spec.as_ref()).unwrap_or(&empty);
    annotations(e, object);
    by_type(e, &path, spec);
    let list = spec.ports.as_deref().unwrap_or_default();
    ports::each(e, &path.child("ports"), list);
    if let Some(selector) = &spec.selector {
        e.extend(labels::validate_labels(selector, &path.child("selector")));
    }
    affinity(e, &path, spec);
    addresses::cluster(e, &path, spec, before);
    addresses::external(e, &path, spec, before);
    check::one_of(e, &path.child("type"), spec.type_.as_ref(), TYPES);
    ports::unique(e, &path.child("ports"), list, kind(spec));
    addresses::source_ranges(e, &path, object, spec, before);
    balancer(e, &path, spec);
    traffic(e, &path, spec);
    errors
}

fn annotations(e: &mut ErrorList, object: &Service) {
    let get = |key| {
        object
            .metadata
            .annotations
            .as_ref()
            .and_then(|it| it.get(key))
    };
    if let (Some(hints), Some(mode)) = (get(HINTS), get(TOPOLOGY_MODE))
        && hints != mode
    {
        let path = Path::new("metadata")
            .child("annotations")
            .key(TOPOLOGY_MODE);
        let text = format!("must match annotations[{HINTS}] when both are specified");
        e.push(Error::invalid(&path, mode, &text));
    }
}

fn by_type(e: &mut ErrorList, path: &Path, spec: &ServiceSpec) {
    let kind = kind(spec);
    let no_ports = spec.ports.as_ref().is_none_or(Vec::is_empty);
    if no_ports && !is_headless(spec) && kind != "ExternalName" {
        e.push(Error::required(&path.child("ports"), ""));
    }
    if matches!(kind, "LoadBalancer" | "NodePort") && is_headless(spec) {
        let text = format!("may not be set to 'None' for {kind} services");
        let path = path.child("clusterIPs").index(0);
        e.push(Error::invalid(&path, "None", &text));
    }
    if kind != "ExternalName" {
        return;
    }
    let some = |it: &Option<Vec<String>>| it.as_ref().is_some_and(|it| !it.is_empty());
    for (field, set) in [
        ("clusterIPs", some(&spec.cluster_ips)),
        ("ipFamilies", some(&spec.ip_families)),
        ("ipFamilyPolicy", spec.ip_family_policy.is_some()),
    ] {
        if set {
            let text = "may not be set for ExternalName services";
            e.push(Error::forbidden(&path.child(field), text));
        }
    }
    let name = spec.external_name.as_deref().unwrap_or_default();
    let name = name.strip_suffix('.').unwrap_or(name);
    let path = path.child("externalName");
    if name.is_empty() {
        e.push(Error::required(&path, ""));
    } else {
        check::messages(e, &path, name, names::subdomain_errors(name));
    }
}

fn affinity(e: &mut ErrorList, path: &Path, spec: &ServiceSpec) {
    let affinity = spec.session_affinity.as_ref();
    check::one_of(e, &path.child("sessionAffinity"), affinity, AFFINITIES);
    let path = path.child("sessionAffinityConfig");
    let config = spec.session_affinity_config.as_ref();
    if affinity.is_some_and(|it| it == "None") && config.is_some() {
        let text = "must not be set when session affinity is None";
        e.push(Error::forbidden(&path, text));
    }
    if affinity.is_none_or(|it| it != "ClientIP") {
        return;
    }
    const NEEDED: &str = "when session affinity type is ClientIP";
    let Some(config) = config else {
        e.push(Error::required(&path, NEEDED));
        return;
    };
    let path = path.child("clientIP");
    let Some(client) = &config.client_ip else {
        e.push(Error::required(&path, NEEDED));
        return;
    };
    let path = path.child("timeoutSeconds");
    match client.timeout_seconds {
        None => e.push(Error::required(&path, NEEDED)),
        Some(seconds) if !(1..=AFFINITY_LIMIT_SECONDS).contains(&seconds) => {
            let text = format!("must be greater than 0 and less than {AFFINITY_LIMIT_SECONDS}");
            e.push(Error::invalid(&path, seconds, &text));
        }
        Some(_) => {}
    }
}

fn balancer(e: &mut ErrorList, path: &Path, spec: &ServiceSpec) {
    let allocates = spec.allocate_load_balancer_node_ports;
    match (kind(spec) == "LoadBalancer", allocates) {
        (false, Some(_)) => {
            let path = path.child("allocateLoadBalancerNodePorts");
            e.push(Error::forbidden(&path, ONLY_BALANCERS));
        }
        (true, None) => {
            e.push(Error::required(
                &Path::new("allocateLoadBalancerNodePorts"),
                "",
            ));
        }
        _ => {}
    }
    balancer_class(e, spec);
}

fn balancer_class(e: &mut ErrorList, spec: &ServiceSpec) {
    let Some(class) = &spec.load_balancer_class else {
        return;
    };
    let path = Path::new("spec").child("loadBalancerClass");
    if kind(spec) == "LoadBalancer" {
        check::messages(e, &path, class, names::qualified_name_errors(class));
    } else {
        e.push(Error::forbidden(&path, ONLY_BALANCERS));
    }
}

fn traffic(e: &mut ErrorList, path: &Path, spec: &ServiceSpec) {
    let external = path.child("externalTrafficPolicy");
    let policy = spec.external_traffic_policy.as_ref();
    let given = policy.filter(|it| !it.is_empty());
    if is_external(spec) {
        check::one_of(e, &external, policy, POLICIES);
    } else if let Some(policy) = given {
        let text = "may only be set for externally-accessible services";
        e.push(Error::invalid(&external, policy, text));
    }
    let path_of_port = path.child("healthCheckNodePort");
    let port = spec.health_check_node_port.unwrap_or(0);
    if needs_health_check(spec) {
        if port == 0 {
            e.push(Error::required(&path_of_port, ""));
        } else {
            check::port(e, &path_of_port, port);
        }
    } else if port != 0 {
        let text =
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        e.push(Error::invalid(&path_of_port, port, text));
    }
    let internal = path.child("internalTrafficPolicy");
    let policy = spec.internal_traffic_policy.as_deref();
    match policy {
        None if matches!(kind(spec), "ClusterIP" | "NodePort" | "LoadBalancer") => {
            e.push(Error::required(&internal, ""));
        }
        Some(policy) if !POLICIES.contains(&policy) => {
            e.push(Error::not_supported(&internal, policy, POLICIES));
        }
        _ => {}
    }
    if let Some(it) = spec.traffic_distribution.as_deref()
        && !DISTRIBUTIONS.contains(&it)
    {
        let path = path.child("trafficDistribution");
        e.push(Error::not_supported(&path, it, DISTRIBUTIONS));
    }
}
