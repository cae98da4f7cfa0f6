//! Addresses and ports of Services. An address is an IPAddress object and a node port a claim, both
//! written in the transaction that writes the Service and removed in the one that removes it: two
//! Services can never hold the same one, and none can leak. Upstream: the service REST's allocators.

mod addresses;
mod bands;
mod families;
mod node_ports;
pub(crate) mod repair;

use super::{Admit, Claims, Operation, Review};
use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use machinery::status::{Resource, Status};
use std::{collections::BTreeSet, net::IpAddr};

/// For messages.
const KIND: Resource<'static> = Resource {
    group: "",
    plural: "Service",
};
const NONE: &str = "None";

pub(super) struct ServiceAddress;

fn kind(spec: &ServiceSpec) -> &str {
    let kind = spec.type_.as_deref().filter(|it| !it.is_empty());
    kind.unwrap_or("ClusterIP")
}

fn is_external_name(spec: &ServiceSpec) -> bool {
    kind(spec) == "ExternalName"
}

fn is_headless(spec: &ServiceSpec) -> bool {
    spec.cluster_ip.as_deref() == Some(NONE)
        || spec
            .cluster_ips
            .as_ref()
            .is_some_and(|it| it.first().is_some_and(|it| it == NONE))
}

/// The addresses that a Service holds.
fn held_addresses(service: &Service) -> BTreeSet<IpAddr> {
    let spec = service.spec.as_ref().filter(|it| !is_external_name(it));
    let all = spec.into_iter().flat_map(|spec| {
        let plural = spec.cluster_ips.iter().flatten();
        plural.chain(&spec.cluster_ip)
    });
    all.filter_map(|it| it.parse().ok()).collect()
}

impl Admit for ServiceAddress {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.is("", "services")
            && (review.subresource.is_empty() || review.operation == Operation::Delete)
    }

    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        let old = review.before::<Service>().and_then(|it| it.spec.clone());
        let Some(mut service) = review.after::<Service>().cloned() else {
            return Ok(());
        };
        let name = service.metadata.name.clone().unwrap_or_default();
        let spec = service.spec.get_or_insert_default();
        let invalid = |errors: &[machinery::field::Error]| Status::invalid(KIND, &name, errors);
        if let Some(old) = &old {
            families::keep(spec, old);
            node_ports::keep(spec, old);
        }
        families::normalize(spec, old.as_ref());
        if !families::stays_as_it_is(spec, old.as_ref()) {
            let served = addresses::families(review);
            families::settle(spec, old.as_ref(), &served).map_err(|errors| invalid(&errors))?;
            addresses::allocate(review, spec, old.as_ref(), &name)?;
        }
        node_ports::allocate(review, spec, old.as_ref(), &name)?;
        if old.is_some() {
            families::clear_unused(spec);
        }
        if let Some(wished) = review.wished::<Service>() {
            *wished = service;
        }
        Ok(())
    }

    fn judge(&self, review: &Review<'_>, claims: &mut Claims) -> Result<(), Status> {
        let (old, new) = (review.before::<Service>(), review.after::<Service>());
        let addresses = |it: Option<&Service>| it.map(held_addresses).unwrap_or_default();
        let (before, after) = (addresses(old), addresses(new));
        for address in before.difference(&after) {
            claims.release(addresses::key(review, *address));
        }
        if let Some(new) = new {
            for address in after.difference(&before) {
                let bytes = addresses::object_bytes(review, *address, new);
                claims.take(addresses::key(review, *address), bytes);
            }
        }
        let ports = |it: Option<&Service>| it.map(node_ports::held).unwrap_or_default();
        let (before, after) = (ports(old), ports(new));
        for port in before.difference(&after) {
            claims.release(node_ports::key(*port));
        }
        let name = new.and_then(|it| it.metadata.name.as_deref());
        let owner = format!("{}/{}", review.namespace, name.unwrap_or(review.name));
        for port in after.difference(&before) {
            claims.take(node_ports::key(*port), owner.clone());
        }
        Ok(())
    }
}
