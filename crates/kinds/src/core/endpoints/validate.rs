//! Errors of endpoints: upstream's `ValidateEndpoints`.

use crate::check;
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints};
use machinery::{
    addresses,
    field::{Error, ErrorList, Path},
    names,
};

/// Errors of endpoints; addresses in `known` were there before.
pub(super) fn endpoints(object: &Endpoints, known: &[&str]) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, subset) in object.subsets.iter().flatten().enumerate() {
        let path = Path::new("subsets").index(index);
        let none = |it: &Option<Vec<_>>| it.as_ref().is_none_or(Vec::is_empty);
        if none(&subset.addresses) && none(&subset.not_ready_addresses) {
            let text = "must specify `addresses` or `notReadyAddresses`";
            errors.push(Error::required(&path, text));
        }
        for (path, address) in of_subset(&path, subset) {
            self::address(&mut errors, &path, address, known);
        }
        let ports = subset.ports.as_deref().unwrap_or_default();
        for (at, port) in ports.iter().enumerate() {
            let path = path.child("ports").index(at);
            self::port(&mut errors, &path, port, ports.len() > 1);
        }
    }
    errors
}

/// Every address and where it is.
pub(super) fn addresses(object: &Endpoints) -> impl Iterator<Item = (Path, &EndpointAddress)> {
    let subsets = object.subsets.iter().flatten().enumerate();
    subsets.flat_map(|(index, it)| of_subset(&Path::new("subsets").index(index), it))
}

fn of_subset<'a>(path: &Path, subset: &'a EndpointSubset) -> Vec<(Path, &'a EndpointAddress)> {
    let of = |field: &str, list: &'a Option<Vec<EndpointAddress>>| {
        let path = path.child(field);
        let list = list.iter().flatten().enumerate();
        list.map(move |(index, it)| (path.index(index), it))
    };
    let ready = of("addresses", &subset.addresses);
    ready
        .chain(of("notReadyAddresses", &subset.not_ready_addresses))
        .collect()
}

fn address(e: &mut ErrorList, path: &Path, address: &EndpointAddress, known: &[&str]) {
    let ip = path.child("ip");
    let found = e.len();
    check::address(e, &ip, &address.ip, known);
    let malformed = e.len() > found;
    if let Some(name) = address.hostname.as_ref().filter(|it| !it.is_empty()) {
        check::messages(e, &path.child("hostname"), name, names::label_errors(name));
    }
    if let Some(name) = &address.node_name {
        check::messages(
            e,
            &path.child("nodeName"),
            name,
            names::subdomain_errors(name),
        );
    }
    if !malformed {
        check::messages(e, &ip, &address.ip, addresses::endpoint_errors(&address.ip));
    }
}

fn port(e: &mut ErrorList, path: &Path, port: &EndpointPort, must_be_named: bool) {
    let name = port.name.as_deref().unwrap_or_default();
    let at = path.child("name");
    if !name.is_empty() {
        check::messages(e, &at, name, names::label_errors(name));
    } else if must_be_named {
        e.push(Error::required(&at, ""));
    }
    check::port(e, &path.child("port"), port.port);
    check::protocol(e, path, port.protocol.as_ref());
    check::app_protocol(e, path, port.app_protocol.as_ref());
}
