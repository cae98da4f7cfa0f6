//! Errors of changes to services: addresses and families stay, but for the second of two.

use super::{balancer_class, checked, is_headless, kind, needs_health_check};
use crate::check;
use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use machinery::{
    addresses,
    field::{Error, ErrorList, Path, Value},
    names,
};
use serde_json::json;

const ONCE: &str = "may not change once set";
const SINGLE: &str = "SingleStack";
const MODES: &[&str] = &["Proxy", "VIP"];

/// Errors of a changed service.
pub(in crate::core::service) fn update(new: &Service, old: &Service) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    if let (Some(spec), Some(before)) = (&new.spec, &old.spec) {
        let path = Path::new("spec");
        let external = |it| kind(it) == "ExternalName";
        if !external(spec) && !external(before) {
            addresses(e, &path, spec, before);
            families(e, &path, spec, before);
        }
        let balancer = |it| kind(it) == "LoadBalancer";
        if balancer(spec)
            && balancer(before)
            && spec.load_balancer_class != before.load_balancer_class
        {
            let path = path.child("loadBalancerClass");
            let shown = json!(spec.load_balancer_class);
            e.push(Error::invalid(&path, shown, ONCE));
        }
        balancer_class(e, spec);
        if needs_health_check(spec)
            && needs_health_check(before)
            && spec.health_check_node_port != before.health_check_node_port
        {
            let path = path.child("healthCheckNodePort");
            e.push(Error::forbidden(&path, check::IMMUTABLE));
        }
    }
    for error in checked(new, Some(old)) {
        // The class is judged twice, as a field and as a change.
        if !errors.contains(&error) {
            errors.push(error);
        }
    }
    errors
}

fn list(items: &Option<Vec<String>>) -> &[String] {
    items.as_deref().unwrap_or_default()
}

fn releases_second(e: &mut ErrorList, path: &Path, spec: &ServiceSpec, what: &str) {
    if spec.ip_family_policy.as_deref() != Some(SINGLE) {
        let text = format!("must be set to 'SingleStack' when releasing the secondary {what}");
        let shown = json!(spec.ip_family_policy);
        e.push(Error::invalid(&path.child("ipFamilyPolicy"), shown, &text));
    }
}

fn addresses(e: &mut ErrorList, path: &Path, spec: &ServiceSpec, old: &ServiceSpec) {
    if is_headless(spec) && is_headless(old) {
        return;
    }
    let (new, old) = (list(&spec.cluster_ips), list(&old.cluster_ips));
    let at = path.child("clusterIPs");
    if new.len() == old.len() {
        for index in (0..new.len()).filter(|index| new[*index] != old[*index]) {
            e.push(Error::invalid(&at.index(index), json!(new), ONCE));
        }
        return;
    }
    if new.is_empty() {
        let text = "primary clusterIP can not be unset";
        e.push(Error::invalid(&at.index(0), json!(new), text));
    } else if old.first().is_some_and(|it| *it != new[0]) {
        e.push(Error::invalid(&at.index(0), json!(new), ONCE));
    }
    if new.len() < old.len() && new.len() == 1 {
        releases_second(e, path, spec, "clusterIP");
    }
}

fn families(e: &mut ErrorList, path: &Path, spec: &ServiceSpec, old: &ServiceSpec) {
    if is_headless(spec) || is_headless(old) {
        return;
    }
    let ips = list(&spec.cluster_ips);
    let (new, old) = (list(&spec.ip_families), list(&old.ip_families));
    let at = path.child("ipFamilies").index(0);
    if new.len() == old.len() {
        for _ in new.iter().zip(old).filter(|it| it.0 != it.1) {
            e.push(Error::invalid(&at, json!(new), ONCE));
        }
        return;
    }
    if new.len() < old.len() && ips.is_empty() {
        let text = "primary ipFamily can not be unset";
        e.push(Error::invalid(&at, json!(new), text));
    }
    if let (Some(first), Some(before)) = (new.first(), old.first())
        && first != before
    {
        e.push(Error::invalid(&at, json!(ips), ONCE));
    }
    if new.len() < old.len() && new.len() == 1 {
        releases_second(e, path, spec, "ipFamily");
    }
}

/// Errors of what a balancer reports.
pub(in crate::core::service) fn status(new: &Service, old: &Service) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let ingress = |it: &Service| {
        let status = it.status.as_ref().and_then(|it| it.load_balancer.as_ref());
        status.and_then(|it| it.ingress.clone()).unwrap_or_default()
    };
    let path = Path::new("status").child("loadBalancer").child("ingress");
    let list = ingress(new);
    let balances = new
        .spec
        .as_ref()
        .is_some_and(|it| kind(it) == "LoadBalancer");
    if !balances && !list.is_empty() {
        let text = "may only be used when `spec.type` is 'LoadBalancer'";
        e.push(Error::forbidden(&path, text));
        return errors;
    }
    let known = ingress(old);
    let known: Vec<_> = known.iter().filter_map(|it| it.ip.as_deref()).collect();
    for (index, it) in list.iter().enumerate() {
        let path = path.index(index);
        let ip = it.ip.as_deref().unwrap_or_default();
        if !ip.is_empty() {
            check::address(e, &path.child("ip"), ip, &known);
        }
        let mode = path.child("ipMode");
        match it.ip_mode.as_deref() {
            None if !ip.is_empty() => {
                e.push(Error::required(&mode, "must be specified when `ip` is set"));
            }
            Some(_) if ip.is_empty() => {
                e.push(Error::forbidden(
                    &mode,
                    "may not be specified when `ip` is not set",
                ));
            }
            Some(it) if !MODES.contains(&it) => {
                e.push(Error::not_supported(&mode, Value::from(it), MODES));
            }
            _ => {}
        }
        if let Some(name) = it.hostname.as_deref().filter(|it| !it.is_empty()) {
            host(e, &path.child("hostname"), name);
        }
    }
    errors
}

fn host(e: &mut ErrorList, path: &Path, name: &str) {
    check::messages(e, path, name, names::subdomain_errors(name));
    if addresses::parse(name).is_some() {
        e.push(Error::invalid(
            path,
            name,
            "must be a DNS name, not an IP address",
        ));
    }
}
