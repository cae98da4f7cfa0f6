//! What services say that is deprecated, ignored or oddly spelled: upstream's `GetWarningsForService`.

use super::validate::{HINTS, TOPOLOGY_MODE, kind};
use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use machinery::{
    addresses::{address_warnings, network_warnings},
    field::Path,
};

/// Warnings of a service.
pub(super) fn of(object: &Service) -> Vec<String> {
    let mut warnings = Vec::new();
    let annotations = object.metadata.annotations.as_ref();
    if annotations.is_some_and(|it| it.contains_key(HINTS)) {
        warnings.push(format!(
            "annotation {HINTS} is deprecated, please use {TOPOLOGY_MODE} instead"
        ));
    }
    let empty = ServiceSpec::default();
    let spec = object.spec.as_ref().unwrap_or(&empty);
    let path = Path::new("spec");
    let headless = kind(spec) == "ClusterIP" && spec.cluster_ip.as_deref() == Some("None");
    let given = |it: &Option<String>| it.as_ref().is_some_and(|it| !it.is_empty());
    let externals = spec.external_ips.as_deref().unwrap_or_default();
    let ips = spec.cluster_ips.iter().flatten().filter(|it| *it != "None");
    for (index, ip) in ips.enumerate() {
        warnings.extend(address_warnings(&path.child("clusterIPs").index(index), ip));
    }
    if headless {
        ignored(&mut warnings, spec);
    }
    for (index, ip) in externals.iter().enumerate() {
        warnings.extend(address_warnings(
            &path.child("externalIPs").index(index),
            ip,
        ));
    }
    if !externals.is_empty() && !headless && kind(spec) != "ExternalName" {
        let text =
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters";
        warnings.push(text.to_owned());
    }
    if let Some(ip) = spec.load_balancer_ip.as_ref().filter(|it| !it.is_empty()) {
        warnings.extend(address_warnings(&path.child("loadBalancerIP"), ip));
    }
    for (index, range) in spec
        .load_balancer_source_ranges
        .iter()
        .flatten()
        .enumerate()
    {
        let path = path.child("loadBalancerSourceRanges").index(index);
        warnings.extend(network_warnings(&path, range));
    }
    if kind(spec) == "ExternalName" && !externals.is_empty() {
        warnings.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".to_owned());
    }
    if kind(spec) != "ExternalName" && given(&spec.external_name) {
        let text = "spec.externalName is ignored when spec.type is not \"ExternalName\"";
        warnings.push(text.to_owned());
    }
    if spec.traffic_distribution.as_deref() == Some("PreferClose") {
        let text =
            "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"";
        warnings.push(text.to_owned());
    }
    warnings
}

/// What a headless service has no use for.
fn ignored(warnings: &mut Vec<String>, spec: &ServiceSpec) {
    let balanced = spec
        .load_balancer_ip
        .as_ref()
        .is_some_and(|it| !it.is_empty());
    let external = spec.external_ips.as_ref().is_some_and(|it| !it.is_empty());
    let affine = spec.session_affinity.as_deref() != Some("None");
    for (field, set) in [
        ("loadBalancerIP", balanced),
        ("externalIPs", external),
        ("SessionAffinity", affine),
    ] {
        if set {
            warnings.push(format!("spec.{field} is ignored for headless services"));
        }
    }
}
