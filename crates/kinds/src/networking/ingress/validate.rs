//! Errors of ingresses: upstream's `ValidateIngress`.

use crate::{check, ratchet};
use k8s_openapi::api::{
    core::v1::TypedLocalObjectReference,
    networking::v1::{
        HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule,
        IngressServiceBackend, IngressTLS,
    },
};
use machinery::{
    addresses,
    field::{Error, ErrorList, Path},
    names,
};
use serde_json::json;

const PATH_TYPES: &[&str] = &["Exact", "ImplementationSpecific", "Prefix"];
const SEQUENCES: &[&str] = &["//", "/./", "/../", "%2f", "%2F"];
const SUFFIXES: &[&str] = &["/..", "/."];
const NO_ADDRESS: &str = "must be a DNS name, not an IP address";

/// Errors of an ingress.
pub(super) fn ingress(object: &Ingress) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let path = Path::new("spec");
    let spec = object.spec.clone().unwrap_or_default();
    let rules = spec.rules.as_deref().unwrap_or_default();
    if rules.is_empty() && spec.default_backend.is_none() {
        let text = "either `defaultBackend` or `rules` must be specified";
        e.push(Error::invalid(&path, json!(null), text));
    }
    if let Some(it) = &spec.default_backend {
        backend(e, &path.child("defaultBackend"), it);
    }
    for (index, it) in rules.iter().enumerate() {
        rule(e, &path.child("rules").index(index), it);
    }
    for (index, it) in spec.tls.iter().flatten().enumerate() {
        tls(e, &path.child("tls").index(index), it);
    }
    if let Some(class) = &spec.ingress_class_name {
        let found = names::subdomain_errors(class);
        check::messages(e, &path.child("ingressClassName"), class, found);
    }
    errors
}

/// Errors of what a controller reports.
pub(super) fn status(new: &Ingress, old: &Ingress) -> ErrorList {
    let mut errors = ErrorList::new();
    let ingress = |it: &Ingress| {
        let status = it.status.as_ref().and_then(|it| it.load_balancer.as_ref());
        status.and_then(|it| it.ingress.clone()).unwrap_or_default()
    };
    let known = ingress(old);
    let known: Vec<_> = known.iter().filter_map(|it| it.ip.as_deref()).collect();
    for (index, it) in ingress(new).iter().enumerate() {
        let path = Path::new("status")
            .child("loadBalancer")
            .child("ingress")
            .index(index);
        if let Some(ip) = it.ip.as_ref().filter(|it| !it.is_empty()) {
            check::address(&mut errors, &path.child("ip"), ip, &known);
        }
        if let Some(name) = it.hostname.as_ref().filter(|it| !it.is_empty()) {
            let path = path.child("hostname");
            check::messages(&mut errors, &path, name, names::subdomain_errors(name));
            if addresses::parse(name).is_some() {
                errors.push(Error::invalid(&path, name, NO_ADDRESS));
            }
        }
    }
    errors
}

fn host_name(e: &mut ErrorList, path: &Path, host: &str) {
    let found = if host.contains('*') {
        names::wildcard_subdomain_errors(host)
    } else {
        names::subdomain_errors(host)
    };
    check::messages(e, path, host, found);
}

fn rule(e: &mut ErrorList, path: &Path, rule: &IngressRule) {
    if let Some(host) = rule.host.as_ref().filter(|it| !it.is_empty()) {
        let path = path.child("host");
        if addresses::parse(host).is_some() {
            e.push(Error::invalid(&path, host, NO_ADDRESS));
        }
        host_name(e, &path, host);
    }
    let Some(http) = &rule.http else { return };
    let path = path.child("http").child("paths");
    if rule.host.as_ref().is_some_and(|it| it.contains('*')) {
        ratchet::late(e, "AllowInvalidWildcardHostRule", |e| paths(e, &path, http));
    } else {
        paths(e, &path, http);
    }
}

fn paths(e: &mut ErrorList, path: &Path, http: &HTTPIngressRuleValue) {
    if http.paths.is_empty() {
        e.push(Error::required(path, ""));
    }
    for (index, it) in http.paths.iter().enumerate() {
        http_path(e, &path.index(index), it);
    }
}

fn http_path(e: &mut ErrorList, path: &Path, it: &HTTPIngressPath) {
    if it.path_type.is_empty() {
        let text = "pathType must be specified";
        e.push(Error::required(&path.child("pathType"), text));
        return;
    }
    let text = it.path.as_deref().unwrap_or_default();
    let at = path.child("path");
    let relative = !text.starts_with('/');
    match it.path_type.as_str() {
        "Exact" | "Prefix" => {
            if relative {
                e.push(Error::invalid(&at, text, "must be an absolute path"));
            }
            for part in SEQUENCES.iter().filter(|it| text.contains(**it)) {
                e.push(Error::invalid(
                    &at,
                    text,
                    &format!("must not contain '{part}'"),
                ));
            }
            for part in SUFFIXES.iter().filter(|it| text.ends_with(**it)) {
                e.push(Error::invalid(
                    &at,
                    text,
                    &format!("cannot end with '{part}'"),
                ));
            }
        }
        "ImplementationSpecific" => {
            if relative && !text.is_empty() {
                e.push(Error::invalid(&at, text, "must be an absolute path"));
            }
        }
        other => e.push(Error::not_supported(
            &path.child("pathType"),
            other,
            PATH_TYPES,
        )),
    }
    backend(e, &path.child("backend"), &it.backend);
}

fn backend(e: &mut ErrorList, path: &Path, it: &IngressBackend) {
    match (&it.resource, &it.service) {
        (Some(_), Some(_)) => {
            let text = "cannot set both resource and service backends";
            e.push(Error::invalid(path, "", text));
        }
        (None, None) => {
            e.push(Error::invalid(
                path,
                "",
                "resource or service backend is required",
            ));
        }
        (Some(it), None) => resource(e, &path.child("resource"), it),
        (None, Some(it)) => service(e, path, it),
    }
}

fn resource(e: &mut ErrorList, path: &Path, it: &TypedLocalObjectReference) {
    if let Some(group) = &it.api_group {
        let found = names::subdomain_errors(group);
        check::messages(e, &path.child("apiGroup"), group, found);
    }
    segment(e, &path.child("kind"), &it.kind, "kind is required");
    segment(e, &path.child("name"), &it.name, "name is required");
}

/// A name that is required and fits into a URL's path.
pub(in crate::networking) fn segment(e: &mut ErrorList, path: &Path, name: &str, missing: &str) {
    if name.is_empty() {
        e.push(Error::required(path, missing));
    }
    check::messages(e, path, name, names::path_segment_errors(name));
}

fn service(e: &mut ErrorList, path: &Path, it: &IngressServiceBackend) {
    let at = path.child("service");
    if it.name.is_empty() {
        e.push(Error::required(&at.child("name"), ""));
    } else {
        let found = names::label_errors(&it.name);
        check::messages(e, &at.child("name"), &it.name, found);
    }
    let port = it.port.clone().unwrap_or_default();
    let name = port.name.unwrap_or_default();
    let number = port.number.unwrap_or(0);
    let at = at.child("port");
    match (name.is_empty(), number) {
        (true, 0) => {
            e.push(Error::required(path, "port name or number is required"));
        }
        (true, _) => check::port(e, &at.child("number"), number),
        (false, 0) => {
            let found = names::port_name_errors(&name);
            check::messages(e, &at.child("name"), &name, found);
        }
        (false, _) => {
            e.push(Error::invalid(
                path,
                "",
                "cannot set both port name & port number",
            ));
        }
    }
}

fn tls(e: &mut ErrorList, path: &Path, it: &IngressTLS) {
    for (index, host) in it.hosts.iter().flatten().enumerate() {
        host_name(e, &path.child("hosts").index(index), host);
    }
    if let Some(name) = it.secret_name.as_ref().filter(|it| !it.is_empty()) {
        ratchet::late(e, "AllowInvalidSecretName", |e| {
            let path = path.child("secretName");
            check::messages(e, &path, name, names::subdomain_errors(name));
        });
    }
}
