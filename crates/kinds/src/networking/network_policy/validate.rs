//! Errors of network policies: upstream's `ValidateNetworkPolicy`.

use crate::check;
use k8s_openapi::{
    api::networking::v1::{IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort},
    apimachinery::pkg::util::intstr::IntOrString,
};
use machinery::{
    addresses,
    field::{Error, ErrorList, Path},
    labels, names,
};
use serde_json::json;

const PROTOCOLS: &[&str] = &["TCP", "UDP", "SCTP"];
const TYPES: &[&str] = &["Ingress", "Egress"];

/// A rule of either direction: where it is, its ports and its peers.
type Rule<'a> = (Path, &'a [NetworkPolicyPort], Path, &'a [NetworkPolicyPeer]);

fn rules(object: &NetworkPolicy) -> Vec<Rule<'_>> {
    let Some(spec) = &object.spec else {
        return Vec::new();
    };
    let at = |field: &str, index| Path::new("spec").child(field).index(index);
    let mut rules = Vec::new();
    for (index, it) in spec.ingress.iter().flatten().enumerate() {
        let path = at("ingress", index);
        let ports = it.ports.as_deref().unwrap_or_default();
        let peers = it.from.as_deref().unwrap_or_default();
        rules.push((path.child("ports"), ports, path.child("from"), peers));
    }
    for (index, it) in spec.egress.iter().flatten().enumerate() {
        let path = at("egress", index);
        let ports = it.ports.as_deref().unwrap_or_default();
        let peers = it.to.as_deref().unwrap_or_default();
        rules.push((path.child("ports"), ports, path.child("to"), peers));
    }
    rules
}

/// Every range and where it is.
pub(super) fn ranges(object: &NetworkPolicy) -> impl Iterator<Item = (Path, &String)> {
    let peers = rules(object).into_iter().flat_map(|rule| {
        let peers = rule.3.iter().enumerate();
        peers.map(move |(index, it)| (rule.2.index(index).child("ipBlock"), it))
    });
    peers.flat_map(|(path, peer)| {
        let block = peer.ip_block.iter();
        block.flat_map(move |it| {
            let except = it.except.iter().flatten().enumerate();
            let at = path.child("except");
            let except = except.map(move |(index, it)| (at.index(index), it));
            std::iter::once((path.child("cidr"), &it.cidr)).chain(except)
        })
    })
}

/// Errors of a policy; ranges in `known` were there before.
pub(super) fn policy(object: &NetworkPolicy, known: &[&str]) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let path = Path::new("spec");
    let spec = object.spec.as_ref();
    if let Some(selector) = spec.and_then(|it| it.pod_selector.as_ref()) {
        e.extend(labels::validate(selector, &path.child("podSelector")));
    }
    for (at_ports, ports, at_peers, peers) in rules(object) {
        for (index, it) in ports.iter().enumerate() {
            port(e, &at_ports.index(index), it);
        }
        for (index, it) in peers.iter().enumerate() {
            peer(e, &at_peers.index(index), it, known);
        }
    }
    let types = spec
        .and_then(|it| it.policy_types.as_deref())
        .unwrap_or_default();
    let path = path.child("policyTypes");
    if types.len() > TYPES.len() {
        let text = "may not specify more than two policyTypes";
        e.push(Error::invalid(&path, json!(types), text));
        return errors;
    }
    for (index, it) in types.iter().enumerate() {
        if !TYPES.contains(&it.as_str()) {
            e.push(Error::not_supported(&path.index(index), it, TYPES));
        }
    }
    errors
}

fn port(e: &mut ErrorList, path: &Path, it: &NetworkPolicyPort) {
    let protocol = it.protocol.as_deref();
    if let Some(protocol) = protocol.filter(|it| !PROTOCOLS.contains(it)) {
        e.push(Error::not_supported(
            &path.child("protocol"),
            protocol,
            PROTOCOLS,
        ));
    }
    let at = path.child("port");
    let end = path.child("endPort");
    let refuse_end = |e: &mut ErrorList, text: &str| {
        if let Some(last) = it.end_port {
            e.push(Error::invalid(&end, last, text));
        }
    };
    match &it.port {
        None => refuse_end(e, "may not be specified when `port` is not specified"),
        Some(IntOrString::String(name)) => {
            refuse_end(e, "may not be specified when `port` is non-numeric");
            check::messages(e, &at, name, names::port_name_errors(name));
        }
        Some(IntOrString::Int(first)) => {
            check::port(e, &at, *first);
            if it.end_port.is_some_and(|last| last < *first) {
                refuse_end(e, "must be greater than or equal to `port`");
            }
            for message in it
                .end_port
                .iter()
                .flat_map(|it| names::port_number_errors((*it).into()))
            {
                refuse_end(e, &message);
            }
        }
    }
}

fn peer(e: &mut ErrorList, path: &Path, it: &NetworkPolicyPeer, known: &[&str]) {
    let mut selects = false;
    for (field, selector) in [
        ("podSelector", &it.pod_selector),
        ("namespaceSelector", &it.namespace_selector),
    ] {
        if let Some(selector) = selector {
            selects = true;
            e.extend(labels::validate(selector, &path.child(field)));
        }
    }
    if let Some(it) = &it.ip_block {
        block(e, &path.child("ipBlock"), it, known);
    }
    match (selects, it.ip_block.is_some()) {
        (false, false) => e.push(Error::required(path, "must specify a peer")),
        (true, true) => {
            let text = "may not specify both ipBlock and another peer";
            e.push(Error::forbidden(path, text));
        }
        _ => {}
    }
}

fn block(e: &mut ErrorList, path: &Path, it: &IPBlock, known: &[&str]) {
    if it.cidr.is_empty() {
        e.push(Error::required(&path.child("cidr"), ""));
        return;
    }
    check::network(e, &path.child("cidr"), &it.cidr, known);
    for (index, except) in it.except.iter().flatten().enumerate() {
        let path = path.child("except").index(index);
        check::network(e, &path, except, known);
        if addresses::is_strict_part(except, &it.cidr) == Some(false) {
            let text = "must be a strict subset of `cidr`";
            e.push(Error::invalid(&path, except, text));
        }
    }
}
