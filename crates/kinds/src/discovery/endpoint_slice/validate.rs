//! Errors and warnings of endpoint slices: upstream's `ValidateEndpointSlice`.

use crate::check;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointHints, EndpointPort, EndpointSlice};
use machinery::{
    addresses,
    field::{Error, ErrorList, Path},
    labels, names,
};

const TYPES: &[&str] = &["FQDN", "IPv4", "IPv6"];
const ENDPOINTS_LIMIT: usize = 1000;
const ADDRESSES_LIMIT: usize = 100;
const PORTS_LIMIT: usize = 20_000;
const TOPOLOGY_LIMIT: usize = 16;
const HINTS_LIMIT: usize = 8;

/// Errors of a slice; addresses in `known` were there before.
pub(super) fn slice(object: &EndpointSlice, known: &[&str]) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    check::one_of(
        e,
        &Path::new("addressType"),
        Some(&object.address_type),
        TYPES,
    );
    let path = Path::new("endpoints");
    let endpoints = object.endpoints.as_deref().unwrap_or_default();
    if endpoints.len() > ENDPOINTS_LIMIT {
        e.push(Error::too_many(&path, endpoints.len(), ENDPOINTS_LIMIT));
    } else {
        for (index, it) in endpoints.iter().enumerate() {
            endpoint(e, &path.index(index), it, &object.address_type, known);
        }
    }
    let path = Path::new("ports");
    let ports = object.ports.as_deref().unwrap_or_default();
    if ports.len() > PORTS_LIMIT {
        e.push(Error::too_many(&path, ports.len(), PORTS_LIMIT));
    } else {
        self::ports(e, &path, ports);
    }
    errors
}

/// What is deprecated or oddly spelled. What the controller copies has warned already.
pub(super) fn warnings(object: &EndpointSlice) -> Vec<String> {
    let labels = object.metadata.labels.as_ref();
    let manager = labels.and_then(|it| it.get("endpointslice.kubernetes.io/managed-by"));
    if manager.is_some_and(|it| it == "endpointslice-controller.k8s.io") {
        return Vec::new();
    }
    if object.address_type == "FQDN" {
        return vec!["spec.addressType: FQDN endpoints are deprecated".to_owned()];
    }
    let endpoints = object.endpoints.iter().flatten().enumerate();
    let warnings = endpoints.flat_map(|(index, it)| {
        let path = Path::new("endpoints").index(index).child("addresses");
        let list = it.addresses.iter().enumerate();
        list.flat_map(move |(at, it)| addresses::address_warnings(&path.index(at), it))
    });
    warnings.collect()
}

fn endpoint(e: &mut ErrorList, path: &Path, it: &Endpoint, kind: &str, known: &[&str]) {
    let at = path.child("addresses");
    if it.addresses.is_empty() {
        e.push(Error::required(&at, "must contain at least 1 address"));
    }
    if it.addresses.len() > ADDRESSES_LIMIT {
        e.push(Error::too_many(&at, it.addresses.len(), ADDRESSES_LIMIT));
    }
    for (index, address) in it.addresses.iter().enumerate() {
        self::address(e, &at.index(index), address, kind, known);
    }
    if let Some(name) = &it.node_name {
        check::messages(
            e,
            &path.child("nodeName"),
            name,
            names::subdomain_errors(name),
        );
    }
    let at = path.child("deprecatedTopology");
    if let Some(topology) = &it.deprecated_topology {
        if topology.len() > TOPOLOGY_LIMIT {
            e.push(Error::too_many(&at, topology.len(), TOPOLOGY_LIMIT));
        }
        e.extend(labels::validate_labels(topology, &at));
    }
    if let Some(name) = &it.hostname {
        check::messages(e, &path.child("hostname"), name, names::label_errors(name));
    }
    if let Some(it) = &it.hints {
        hints(e, &path.child("hints"), it);
    }
}

fn address(e: &mut ErrorList, path: &Path, address: &str, kind: &str, known: &[&str]) {
    let wants_v6 = match kind {
        "IPv4" => false,
        "IPv6" => true,
        "FQDN" => {
            domain(e, path, address);
            return;
        }
        _ => return,
    };
    let before = e.len();
    check::address(e, path, address, known);
    if e.len() > before {
        return;
    }
    if addresses::parse(address).is_some_and(|it| it.is_ipv6() != wants_v6) {
        e.push(Error::invalid(
            path,
            address,
            &format!("must be an {kind} address"),
        ));
    }
    check::messages(e, path, address, addresses::endpoint_errors(address));
}

/// A domain of at least two labels; a final dot is fine.
fn domain(e: &mut ErrorList, path: &Path, name: &str) {
    let name = name.strip_suffix('.').unwrap_or(name);
    let found = names::subdomain_errors(name);
    if name.is_empty() {
        e.push(Error::required(path, ""));
    } else if !found.is_empty() {
        e.push(Error::invalid(path, name, &found.join(",")));
    } else if !name.contains('.') {
        let text = "should be a domain with at least two segments separated by dots";
        e.push(Error::invalid(path, name, text));
    }
}

fn hints(e: &mut ErrorList, path: &Path, it: &EndpointHints) {
    type Rule = fn(&str) -> Vec<String>;
    let zones = it.for_zones.iter().flatten().map(|it| it.name.as_str());
    let nodes = it.for_nodes.iter().flatten().map(|it| it.name.as_str());
    let (zone, node): (Rule, Rule) = (names::label_value_errors, names::subdomain_errors);
    for (field, list, rule) in [
        ("forZones", zones.collect::<Vec<_>>(), zone),
        ("forNodes", nodes.collect(), node),
    ] {
        let path = path.child(field);
        if list.len() > HINTS_LIMIT {
            e.push(Error::too_many(&path, list.len(), HINTS_LIMIT));
            continue;
        }
        for (index, name) in list.iter().enumerate() {
            let path = path.index(index).child("name");
            if list[..index].contains(name) {
                e.push(Error::duplicate(&path, *name));
            }
            check::messages(e, &path, name, rule(name));
        }
    }
}

fn ports(e: &mut ErrorList, path: &Path, ports: &[EndpointPort]) {
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = port.name.as_deref().unwrap_or_default();
        if !name.is_empty() {
            check::messages(e, &path.child("name"), name, names::label_errors(name));
        }
        if ports[..index].iter().any(|it| it.name == port.name) {
            e.push(Error::duplicate(&path.child("name"), name));
        }
        let at = path.child("protocol");
        match &port.protocol {
            None => e.push(Error::required(&at, "")),
            protocol => check::supported(e, &at, protocol.as_ref(), check::PROTOCOLS),
        }
        check::app_protocol(e, &path, port.app_protocol.as_ref());
    }
}
