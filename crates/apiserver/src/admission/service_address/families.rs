//! IP families of a Service: what an update leaves out, what follows from the addresses given, and
//! how one becomes two and two become one. Pure; the texts are upstream's.

#[cfg(test)]
mod tests;

use super::{is_external_name, is_headless, kind};
use k8s_openapi::api::core::v1::ServiceSpec;
use machinery::field::{Error, ErrorList, Path};
use std::net::IpAddr;

pub(super) const V4: &str = "IPv4";
pub(super) const V6: &str = "IPv6";
const SINGLE: &str = "SingleStack";
const PREFER: &str = "PreferDualStack";
const REQUIRE: &str = "RequireDualStack";

/// The family of an address.
pub(super) fn of(address: IpAddr) -> &'static str {
    if address.is_ipv6() { V6 } else { V4 }
}

fn other(family: &str) -> String {
    if family == V6 { V4 } else { V6 }.to_owned()
}

fn list(own: Option<&Vec<String>>) -> &[String] {
    own.map_or(&[], Vec::as_slice)
}

fn addresses(spec: &ServiceSpec) -> &[String] {
    list(spec.cluster_ips.as_ref())
}

fn families(spec: &ServiceSpec) -> &[String] {
    list(spec.ip_families.as_ref())
}

fn address(spec: &ServiceSpec) -> &str {
    spec.cluster_ip.as_deref().unwrap_or_default()
}

fn policy(spec: &ServiceSpec) -> &str {
    spec.ip_family_policy.as_deref().unwrap_or_default()
}

/// An update that leaves out the addresses means those it has.
pub(super) fn keep(spec: &mut ServiceSpec, old: &ServiceSpec) {
    if is_external_name(spec) || is_external_name(old) {
        return;
    }
    if address(spec).is_empty() {
        spec.cluster_ip.clone_from(&old.cluster_ip);
    }
    if addresses(spec).is_empty() && spec.cluster_ip == old.cluster_ip {
        spec.cluster_ips.clone_from(&old.cluster_ips);
    }
}

/// Old clients know one address only; the list follows it.
pub(super) fn normalize(spec: &mut ServiceSpec, old: Option<&ServiceSpec>) {
    let one = |spec: &ServiceSpec| Some(vec![address(spec).to_owned()]);
    let Some(old) = old else {
        if !address(spec).is_empty() && addresses(spec).is_empty() {
            spec.cluster_ips = one(spec);
        }
        return;
    };
    let same_list = addresses(spec) == addresses(old);
    if address(spec) == address(old) {
        if addresses(spec).is_empty() && !is_external_name(spec) {
            spec.cluster_ips.clone_from(&old.cluster_ips);
        }
    } else if address(spec).is_empty() {
        if same_list {
            spec.cluster_ips = None;
        }
    } else if same_list || addresses(spec).is_empty() {
        spec.cluster_ips = one(spec);
    }
}

/// Whether a Service that prefers two families is written without touching them: it keeps what it
/// has, whatever the cluster has become.
pub(super) fn stays_as_it_is(spec: &ServiceSpec, old: Option<&ServiceSpec>) -> bool {
    old.is_some_and(|old| {
        kind(old) == kind(spec)
            && !is_external_name(spec)
            && policy(spec) == PREFER
            && policy(old) == PREFER
            && addresses(spec) == addresses(old)
            && families(spec) == families(old)
    })
}

/// Decides policy and families. `served` are the cluster's families, its own first.
pub(super) fn settle(
    spec: &mut ServiceSpec,
    old: Option<&ServiceSpec>,
    served: &[&'static str],
) -> Result<(), ErrorList> {
    if is_external_name(spec) {
        return Ok(());
    }
    let selects = spec.selector.as_ref().is_some_and(|it| !it.is_empty());
    let free = is_headless(spec) && !selects;
    if spec.ip_family_policy.is_none() {
        let before = old.and_then(|it| it.ip_family_policy.clone());
        let usual = if free { REQUIRE } else { SINGLE };
        spec.ip_family_policy = Some(before.unwrap_or_else(|| usual.to_owned()));
    }
    let mut errors = ErrorList::new();
    if let Some(old) = old {
        shrink(spec, old, &mut errors);
    }
    agree(spec, &mut errors);
    infer(spec, served, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    if !free {
        demand(spec, served)?;
    }
    let own = spec.ip_families.get_or_insert_default();
    if own.is_empty() {
        own.extend(served.first().map(|it| (*it).to_owned()));
    }
    // Nobody allocates for what has neither address nor selector, so it may have both families.
    let grows = spec.ip_family_policy.as_deref() != Some(SINGLE) && (free || served.len() == 2);
    if let ([one], true) = (own.as_slice(), grows) {
        let second = other(one);
        own.push(second);
    }
    Ok(())
}

/// Going back to one family is said by the policy; then the second address goes.
fn shrink(spec: &mut ServiceSpec, old: &ServiceSpec, errors: &mut ErrorList) {
    let same_addresses = addresses(spec) == addresses(old);
    let same_families = families(spec) == families(old);
    if policy(spec) == SINGLE {
        if same_addresses && let Some(own) = &mut spec.cluster_ips {
            own.truncate(1);
        }
        if same_families && let Some(own) = &mut spec.ip_families {
            own.truncate(1);
        }
        return;
    }
    let fewer = |new: &[String], old: &[String]| !new.is_empty() && new.len() < old.len();
    for (is_fewer, what) in [
        (fewer(addresses(spec), addresses(old)), "cluster IP"),
        (fewer(families(spec), families(old)), "IP family"),
    ] {
        if is_fewer {
            let text = format!("must be 'SingleStack' to release the secondary {what}");
            errors.push(about_policy(spec, &text));
        }
    }
}

fn about_policy(spec: &ServiceSpec, text: &str) -> Error {
    let path = Path::new("spec").child("ipFamilyPolicy");
    Error::invalid(&path, policy(spec), text)
}

/// One family and two of anything do not go together.
fn agree(spec: &ServiceSpec, errors: &mut ErrorList) {
    if policy(spec) != SINGLE {
        return;
    }
    for (count, what) in [
        (addresses(spec).len(), "cluster IPs"),
        (families(spec).len(), "IP families"),
    ] {
        if count == 2 {
            let text = format!(
                "must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
            );
            errors.push(about_policy(spec, &text));
        }
    }
}

/// Families that were not given follow from the addresses.
fn infer(spec: &mut ServiceSpec, served: &[&'static str], errors: &mut ErrorList) {
    let given: Vec<Option<IpAddr>> = addresses(spec).iter().map(|it| it.parse().ok()).collect();
    for (index, address) in given.into_iter().enumerate() {
        let Some(family) = address.map(of) else {
            return;
        };
        if index < families(spec).len() {
            continue;
        }
        if served.contains(&family) {
            let own = spec.ip_families.get_or_insert_default();
            own.push(family.to_owned());
        } else {
            let path = Path::new("spec").child("clusterIPs").index(index);
            let value = serde_json::json!(addresses(spec));
            let text = format!("{family} is not configured on this cluster");
            errors.push(Error::invalid(&path, value, &text));
        }
    }
}

/// What is asked for must be there.
fn demand(spec: &ServiceSpec, served: &[&'static str]) -> Result<(), ErrorList> {
    let mut errors = ErrorList::new();
    if policy(spec) == REQUIRE && served.len() < 2 {
        let text = "this cluster is not configured for dual-stack services";
        errors.push(about_policy(spec, text));
    }
    let path = Path::new("spec").child("ipFamilies");
    for (index, family) in families(spec).iter().enumerate() {
        if !served.iter().any(|it| it == family) {
            let text = "not configured on this cluster";
            errors.push(Error::invalid(&path.index(index), family, text));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// What a Service without addresses has no use for.
pub(super) fn clear_unused(spec: &mut ServiceSpec) {
    if is_external_name(spec) {
        spec.cluster_ip = None;
        spec.cluster_ips = None;
        spec.ip_families = None;
        spec.ip_family_policy = None;
    }
    if matches!(kind(spec), "ClusterIP" | "ExternalName") {
        if spec.external_ips.as_ref().is_none_or(Vec::is_empty) {
            spec.external_traffic_policy = None;
        }
        for port in spec.ports.iter_mut().flatten() {
            port.node_port = None;
        }
    }
}
