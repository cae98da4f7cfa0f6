//! Addresses and ports of Services. A cluster IP or node port is a key of its own, taken in the same
//! transaction that writes the Service and released in the one that removes it: two Services can
//! never hold the same one, and none can leak. Upstream: the allocators and their repair loops.

mod fields;

use super::{Admit, Claims, Operation, Review};
use fields::{held_addresses, held_ports, needs_address, needs_ports};
use ipnet::IpNet;
use k8s_openapi::api::core::v1::Service;
use machinery::{
    field,
    status::{Resource, Status},
};
use std::net::IpAddr;

/// Tries before the range is called full.
const TRIES: usize = 4096;
const KIND: Resource<'static> = Resource {
    group: "",
    plural: "Service",
};

pub(super) struct ServiceAddress;

impl Admit for ServiceAddress {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.is("", "services")
            && (review.subresource.is_empty() || review.operation == Operation::Delete)
    }

    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        let old = review
            .old
            .and_then(|it| it.downcast_ref::<Service>())
            .cloned();
        let Some(wished) = review.wished::<Service>() else {
            return Ok(());
        };
        fields::carry_over(wished, old.as_ref());
        fields::default_families(wished);
        let mut service = wished.clone();
        if needs_address(&service) {
            let address = free_address(review, &service)?;
            fields::set_address(&mut service, address);
        }
        if needs_ports(&service) {
            assign_ports(review, &mut service)?;
        }
        if old.is_some() {
            fields::clear_unused(&mut service);
        }
        if let Some(wished) = review.wished::<Service>() {
            *wished = service;
        }
        Ok(())
    }

    fn judge(&self, review: &Review<'_>, claims: &mut Claims) -> Result<(), Status> {
        let held = |object: Option<&dyn api::AnyObject>| {
            let service = object.and_then(|it| it.downcast_ref::<Service>().cloned());
            service.map(|it| keys(&it)).unwrap_or_default()
        };
        let (before, after) = (held(review.old), held(review.object.as_deref()));
        let wished = review
            .object
            .as_deref()
            .and_then(|it| it.downcast_ref::<Service>());
        if let Some(service) = wished {
            check(review, service, &before)?;
        }
        let name = wished
            .and_then(|it| it.metadata.name.as_deref())
            .unwrap_or(review.name);
        for key in after.iter().filter(|key| !before.contains(key)) {
            claims.take(key, format!("{}/{name}", review.namespace));
        }
        for key in before.into_iter().filter(|key| !after.contains(key)) {
            claims.release(key);
        }
        Ok(())
    }
}

/// The keys that a Service holds.
fn keys(service: &Service) -> Vec<String> {
    let mut keys: Vec<String> = held_addresses(service).iter().map(address_key).collect();
    keys.extend(
        held_ports(service)
            .iter()
            .map(|(protocol, port)| port_key(protocol, *port)),
    );
    keys.sort();
    keys.dedup();
    keys
}

fn address_key(address: &IpAddr) -> String {
    format!("/claims/service-addresses/{address}")
}

fn port_key(protocol: &str, port: u16) -> String {
    format!("/claims/node-ports/{protocol}/{port}")
}

/// Everything that Services hold now, to choose around. The claims decide; this only makes the
/// first choice a good one.
fn all_held(review: &Review<'_>) -> Vec<String> {
    let services = review.list("", "services", "");
    services
        .iter()
        .filter_map(|it| it.downcast_ref::<Service>())
        .flat_map(keys)
        .collect()
}

fn range(review: &Review<'_>, service: &Service) -> Option<IpNet> {
    let family = service
        .spec
        .as_ref()?
        .ip_families
        .as_ref()?
        .first()?
        .clone();
    let cidrs = &review.network().service_cidrs;
    cidrs
        .iter()
        .copied()
        .find(|cidr| (family == "IPv6") == matches!(cidr, IpNet::V6(_)))
}

fn free_address(review: &Review<'_>, service: &Service) -> Result<IpAddr, Status> {
    let full = || Status::internal(&"failed to allocate a serviceIP: range is full");
    let cidr = range(review, service).ok_or_else(full)?;
    let held = all_held(review);
    // The network's own address, the first (the API's) and the broadcast one are not given out.
    let bits = u32::from(cidr.max_prefix_len() - cidr.prefix_len()).min(32);
    let size = 1u64 << bits;
    for _ in 0..TRIES {
        let offset = 2 + review.random().below(size.saturating_sub(3));
        let address = match cidr.network() {
            IpAddr::V4(base) => IpAddr::from(
                (u32::from(base).wrapping_add(u32::try_from(offset).unwrap_or(0))).to_be_bytes(),
            ),
            IpAddr::V6(base) => IpAddr::from((u128::from(base) + u128::from(offset)).to_be_bytes()),
        };
        if cidr.contains(&address) && !held.contains(&address_key(&address)) {
            return Ok(address);
        }
    }
    Err(full())
}

fn assign_ports(review: &Review<'_>, service: &mut Service) -> Result<(), Status> {
    let (first, last) = review.network().node_ports;
    let mut held = all_held(review);
    let full = || Status::internal(&"failed to allocate a nodePort: range is full");
    for port in fields::unassigned_ports(service) {
        let span = u64::from(last.saturating_sub(first)) + 1;
        let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
        let chosen = (0..TRIES)
            .map(|_| first + u16::try_from(review.random().below(span)).unwrap_or(0))
            .find(|candidate| !held.contains(&port_key(&protocol, *candidate)))
            .ok_or_else(full)?;
        held.push(port_key(&protocol, chosen));
        port.node_port = Some(chosen.into());
    }
    Ok(())
}

/// Errors of what the client chose itself.
fn check(review: &Review<'_>, service: &Service, before: &[String]) -> Result<(), Status> {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let spec = field::Path::new("spec");
    let held: Vec<String> = all_held(review)
        .into_iter()
        .filter(|key| !before.contains(key))
        .collect();
    let mut errors = Vec::new();
    for address in held_addresses(service) {
        let path = spec.child("clusterIPs");
        if !review
            .network()
            .service_cidrs
            .iter()
            .any(|cidr| cidr.contains(&address))
        {
            let text =
                "failed to allocate IP: the provided network does not match the current range";
            errors.push(field::Error::invalid(&path, format!("[{address}]"), text));
        } else if held.contains(&address_key(&address)) {
            let text = format!("failed to allocate IP {address}: provided IP is already allocated");
            errors.push(field::Error::invalid(&path, format!("[{address}]"), &text));
        }
    }
    let (first, last) = review.network().node_ports;
    for (index, port) in service
        .spec
        .iter()
        .flat_map(|it| it.ports.iter().flatten())
        .enumerate()
    {
        let Some(number) = port.node_port.filter(|it| *it != 0) else {
            continue;
        };
        let path = spec.child("ports").index(index).child("nodePort");
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        if !(i32::from(first)..=i32::from(last)).contains(&number) {
            let text = format!(
                "provided port is not in the valid range. The range of valid ports is {first}-{last}"
            );
            errors.push(field::Error::invalid(&path, number, &text));
        } else if u16::try_from(number).is_ok_and(|it| held.contains(&port_key(protocol, it))) {
            errors.push(field::Error::invalid(
                &path,
                number,
                "provided port is already allocated",
            ));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Status::invalid(KIND, name, &errors))
    }
}
