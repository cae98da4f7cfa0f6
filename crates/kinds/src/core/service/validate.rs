//! Errors of services: upstream's `ValidateService` and `ValidateServiceUpdate`.

use crate::check;
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use machinery::{
    field::{Error, ErrorList, Path},
    labels, names,
};
use std::collections::BTreeSet;

const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const AFFINITIES: &[&str] = &["ClientIP", "None"];
const POLICIES: &[&str] = &["Cluster", "Local"];
const AFFINITY_LIMIT_SECONDS: i32 = 24 * 60 * 60;

pub(super) fn service(service: &Service) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let path = Path::new("spec");
    let empty = ServiceSpec::default();
    let spec = service.spec.as_ref().unwrap_or(&empty);
    let kind = spec.type_.as_deref().unwrap_or_default();
    let headless = spec.cluster_ip.as_deref() == Some("None");
    let ports = spec.ports.as_deref().unwrap_or_default();
    if ports.is_empty() && !headless && kind != "ExternalName" {
        e.push(Error::required(&path.child("ports"), ""));
    }
    if kind == "LoadBalancer" && headless {
        e.push(Error::invalid(
            &path.child("clusterIPs").index(0),
            "None",
            "may not be set to 'None' for LoadBalancer services",
        ));
    }
    if kind == "NodePort" && headless {
        e.push(Error::invalid(
            &path.child("clusterIPs").index(0),
            "None",
            "may not be set to 'None' for NodePort services",
        ));
    }
    if kind == "ExternalName" {
        external_name(e, &path, spec);
    }
    self::ports(e, &path.child("ports"), ports, kind, headless);
    if let Some(selector) = &spec.selector {
        e.extend(labels::validate_labels(selector, &path.child("selector")));
    }
    affinity(e, &path, spec);
    addresses(e, &path, spec);
    check::one_of(e, &path.child("type"), spec.type_.as_ref(), TYPES);
    check::maybe_one_of(
        e,
        &path.child("internalTrafficPolicy"),
        spec.internal_traffic_policy.as_ref(),
        POLICIES,
    );
    if matches!(kind, "NodePort" | "LoadBalancer") {
        check::one_of(
            e,
            &path.child("externalTrafficPolicy"),
            spec.external_traffic_policy.as_ref(),
            POLICIES,
        );
    } else if spec
        .external_traffic_policy
        .as_ref()
        .is_some_and(|it| !it.is_empty())
        && spec.external_ips.as_ref().is_none_or(Vec::is_empty)
    {
        let value = spec.external_traffic_policy.clone().unwrap_or_default();
        e.push(Error::invalid(
            &path.child("externalTrafficPolicy"),
            value,
            "may only be set for externally-accessible services",
        ));
    }
    errors
}

fn external_name(e: &mut ErrorList, path: &Path, spec: &ServiceSpec) {
    if spec.cluster_ip.as_ref().is_some_and(|it| !it.is_empty()) {
        e.push(Error::forbidden(
            &path.child("clusterIPs"),
            "may not be set for ExternalName services",
        ));
    }
    let name = spec
        .external_name
        .as_deref()
        .unwrap_or_default()
        .trim_end_matches('.');
    if name.is_empty() {
        e.push(Error::required(&path.child("externalName"), ""));
    } else {
        check::messages(
            e,
            &path.child("externalName"),
            name,
            names::subdomain_errors(name),
        );
    }
}

fn ports(e: &mut ErrorList, path: &Path, ports: &[ServicePort], kind: &str, headless: bool) {
    let mut named = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut nodes = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = port.name.as_deref().unwrap_or_default();
        if name.is_empty() {
            if ports.len() > 1 {
                e.push(Error::required(&path.child("name"), ""));
            }
        } else {
            check::messages(e, &path.child("name"), name, names::label_errors(name));
            if !named.insert(name) {
                e.push(Error::duplicate(&path.child("name"), name));
            }
        }
        for message in names::port_number_errors(port.port.into()) {
            e.push(Error::invalid(&path.child("port"), port.port, &message));
        }
        check::one_of(
            e,
            &path.child("protocol"),
            port.protocol.as_ref(),
            PROTOCOLS,
        );
        match &port.target_port {
            Some(IntOrString::Int(target)) => {
                for message in names::port_number_errors((*target).into()) {
                    e.push(Error::invalid(&path.child("targetPort"), *target, &message));
                }
                if headless && *target != port.port {
                    e.push(Error::invalid(
                        &path.child("targetPort"),
                        *target,
                        "must be equal to the value of 'port' when clusterIP = None",
                    ));
                }
            }
            Some(IntOrString::String(target)) => check::messages(
                e,
                &path.child("targetPort"),
                target,
                names::port_name_errors(target),
            ),
            None => {}
        }
        if !seen.insert((&port.protocol, port.port)) {
            let shown = serde_json::json!({"protocol": port.protocol, "port": port.port});
            e.push(Error::duplicate(&path, shown));
        }
        node_port(e, &path.child("nodePort"), port, kind, &mut nodes);
    }
}

fn node_port<'a>(
    e: &mut ErrorList,
    path: &Path,
    port: &'a ServicePort,
    kind: &str,
    taken: &mut BTreeSet<(&'a Option<String>, i32)>,
) {
    let Some(node) = port.node_port.filter(|it| *it != 0) else {
        return;
    };
    if matches!(kind, "ClusterIP" | "ExternalName") {
        e.push(Error::forbidden(
            path,
            &format!("may not be used when `type` is '{kind}'"),
        ));
    }
    if !taken.insert((&port.protocol, node)) {
        e.push(Error::duplicate(path, node));
    }
}

fn affinity(e: &mut ErrorList, path: &Path, spec: &ServiceSpec) {
    let affinity = spec.session_affinity.as_ref();
    check::one_of(e, &path.child("sessionAffinity"), affinity, AFFINITIES);
    let client = spec
        .session_affinity_config
        .as_ref()
        .and_then(|it| it.client_ip.as_ref());
    if let Some(seconds) = client.and_then(|it| it.timeout_seconds)
        && !(1..=AFFINITY_LIMIT_SECONDS).contains(&seconds)
    {
        let path = path
            .child("sessionAffinityConfig")
            .child("clientIP")
            .child("timeoutSeconds");
        let text = format!("must be greater than 0 and less than {AFFINITY_LIMIT_SECONDS}");
        e.push(Error::invalid(&path, seconds, &text));
    }
}

fn addresses(e: &mut ErrorList, path: &Path, spec: &ServiceSpec) {
    let ips = spec.cluster_ips.as_deref().unwrap_or_default();
    let first = spec.cluster_ip.as_deref().unwrap_or_default();
    if let Some(listed) = ips.first()
        && listed != first
    {
        e.push(Error::invalid(
            &path.child("clusterIPs"),
            serde_json::json!(ips),
            "first value must match `clusterIP`",
        ));
    }
    let single = std::slice::from_ref(&spec.cluster_ip)
        .iter()
        .flatten()
        .filter(|_| ips.is_empty());
    for (index, ip) in ips
        .iter()
        .chain(single)
        .enumerate()
        .filter(|it| !matches!(it.1.as_str(), "" | "None"))
    {
        check::messages(
            e,
            &path.child("clusterIPs").index(index),
            ip,
            names::ip_errors(ip),
        );
    }
    for (index, ip) in spec.external_ips.iter().flatten().enumerate() {
        check::messages(
            e,
            &path.child("externalIPs").index(index),
            ip,
            names::ip_errors(ip),
        );
    }
    for (index, range) in spec
        .load_balancer_source_ranges
        .iter()
        .flatten()
        .enumerate()
    {
        check::messages(
            e,
            &path.child("loadBalancerSourceRanges").index(index),
            range.trim(),
            names::cidr_errors(range.trim()),
        );
    }
}

pub(super) fn update(new: &Service, old: &Service) -> ErrorList {
    let mut errors = ErrorList::new();
    let path = Path::new("spec").child("clusterIPs");
    if let (Some(new), Some(old)) = (&new.spec, &old.spec) {
        let ip = |spec: &ServiceSpec| spec.cluster_ip.clone().unwrap_or_default();
        let external = |spec: &ServiceSpec| spec.type_.as_deref() == Some("ExternalName");
        if !external(new) && !external(old) && !ip(old).is_empty() && ip(new) != ip(old) {
            let shown = serde_json::json!([ip(new)]);
            errors.push(Error::invalid(
                &path.index(0),
                shown,
                "may not change once set",
            ));
        }
    }
    errors.extend(service(new));
    errors
}
