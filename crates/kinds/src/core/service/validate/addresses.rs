//! Errors of a service's addresses and ranges: upstream's `ValidateServiceClusterIPsRelatedFields`.

use super::{ONLY_BALANCERS, RANGES, is_headless, kind};
use crate::check;
use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use machinery::{
    addresses,
    field::{Error, ErrorList, Path},
};
use serde_json::json;

const FAMILIES: &[&str] = &["IPv4", "IPv6"];
const FAMILY_POLICIES: &[&str] = &["PreferDualStack", "RequireDualStack", "SingleStack"];

fn list(items: &Option<Vec<String>>) -> &[String] {
    items.as_deref().unwrap_or_default()
}

fn texts(items: &Option<Vec<String>>) -> Vec<&str> {
    list(items).iter().map(String::as_str).collect()
}

/// Cluster IPs and their families agree with each other.
pub(super) fn cluster(e: &mut ErrorList, path: &Path, spec: &ServiceSpec, old: &ServiceSpec) {
    if kind(spec) == "ExternalName" {
        return;
    }
    let at = path.child("clusterIPs");
    let ips = list(&spec.cluster_ips);
    let shown = || json!(ips);
    match (spec.cluster_ip.as_deref().unwrap_or_default(), ips.first()) {
        ("", Some(_)) => {
            let text = "must be empty when `clusterIP` is not specified";
            e.push(Error::invalid(&at, shown(), text));
        }
        ("", None) => {}
        (_, None) => e.push(Error::required(&at, "")),
        (single, Some(first)) if single != first => {
            e.push(Error::invalid(
                &at,
                shown(),
                "first value must match `clusterIP`",
            ));
        }
        _ => {}
    }
    families(e, path, spec);
    let known = texts(&old.cluster_ips);
    let sound = e.len();
    for (index, ip) in ips.iter().enumerate() {
        if index > 0 || ip != "None" {
            check::address(e, &at.index(index), ip, &known);
        } else if ips.len() > 1 {
            let text = "'None' must be the first and only value";
            e.push(Error::invalid(&at, shown(), text));
        }
    }
    let sound = e.len() == sound;
    if ips.len() > 2 {
        e.push(Error::invalid(&at, shown(), "may only hold up to 2 values"));
    }
    if sound {
        stacks(e, &at, spec, ips);
    }
}

fn families(e: &mut ErrorList, path: &Path, spec: &ServiceSpec) {
    let families = list(&spec.ip_families);
    for (index, family) in families.iter().enumerate() {
        let path = path.child("ipFamilies").index(index);
        if !FAMILIES.contains(&family.as_str()) {
            e.push(Error::not_supported(&path, family, FAMILIES));
        }
        if families[..index].contains(family) {
            e.push(Error::duplicate(&path, family));
        }
    }
    if let Some(policy) = spec.ip_family_policy.as_deref()
        && !FAMILY_POLICIES.contains(&policy)
    {
        let path = path.child("ipFamilyPolicy");
        e.push(Error::not_supported(&path, policy, FAMILY_POLICIES));
    }
}

/// One address of each family, in the families' order.
fn stacks(e: &mut ErrorList, at: &Path, spec: &ServiceSpec, ips: &[String]) {
    let is_v6 = |ip: &String| ip.contains(':');
    let both = ips.iter().any(is_v6) && !ips.iter().all(is_v6);
    if ips.len() > 1 && !both {
        let text = "may specify no more than one IP for each IP family";
        e.push(Error::invalid(at, json!(ips), text));
    }
    if is_headless(spec) {
        return;
    }
    for (index, (ip, family)) in ips.iter().zip(list(&spec.ip_families)).enumerate() {
        if FAMILIES.contains(&family.as_str()) && (family == "IPv6") != is_v6(ip) {
            let text = format!("expected an {family} value as indicated by `ipFamilies[{index}]`");
            e.push(Error::invalid(&at.index(index), ip, &text));
        }
    }
}

/// Addresses outside that lead here.
pub(super) fn external(e: &mut ErrorList, path: &Path, spec: &ServiceSpec, old: &ServiceSpec) {
    let known = texts(&old.external_ips);
    for (index, ip) in list(&spec.external_ips).iter().enumerate() {
        let path = path.child("externalIPs").index(index);
        let before = e.len();
        check::address(e, &path, ip, &known);
        if e.len() == before {
            check::messages(e, &path, ip, addresses::endpoint_errors(ip));
        }
    }
}

/// Ranges that a balancer lets in, by the field or by the annotation that came before it.
pub(super) fn source_ranges(
    e: &mut ErrorList,
    path: &Path,
    object: &Service,
    spec: &ServiceSpec,
    old: &ServiceSpec,
) {
    let ranges = list(&spec.load_balancer_source_ranges);
    let annotations = object.metadata.annotations.as_ref();
    if !ranges.is_empty() {
        // Clients know these errors under this name, in upstream's capitals.
        let path = path.child("LoadBalancerSourceRanges");
        if kind(spec) != "LoadBalancer" {
            e.push(Error::forbidden(&path, ONLY_BALANCERS));
        }
        let known = list(&old.load_balancer_source_ranges);
        let known: Vec<_> = known.iter().map(|it| it.trim()).collect();
        for (index, range) in ranges.iter().enumerate() {
            check::network(e, &path.index(index), range.trim(), &known);
        }
    } else if let Some(text) = annotations.and_then(|it| it.get(RANGES)) {
        let path = Path::new("metadata").child("annotations").key(RANGES);
        if kind(spec) != "LoadBalancer" {
            e.push(Error::forbidden(&path, ONLY_BALANCERS));
        }
        for range in text
            .split(',')
            .map(str::trim)
            .filter(|_| !text.trim().is_empty())
        {
            check::network(e, &path, range, &[]);
        }
    }
}
