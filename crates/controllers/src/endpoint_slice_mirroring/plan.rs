//! From Endpoints to the slices that mirror them: one for each set of ports and address family. Pure.

use k8s_openapi::{
    api::{
        core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Service},
        discovery::v1::{Endpoint, EndpointConditions, EndpointPort as SlicePort, EndpointSlice},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use machinery::{
    endpoint_slices::{self, MANAGED_BY, SERVICE_NAME},
    owners,
    workloads::LAST_APPLIED,
};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// Addresses of one subset that are mirrored, and endpoints in one slice
/// (upstream: `--mirroring-max-endpoints-per-subset`).
pub(super) const LIMIT: usize = 1000;
const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
/// Endpoints that only hold an election.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// The slices that mirror Endpoints, and what could not be mirrored.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    pub(super) slices: Vec<EndpointSlice>,
    /// Addresses that are no IP addresses.
    pub(super) invalid: usize,
    /// Addresses beyond [`LIMIT`].
    pub(super) too_many: usize,
}

#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Create(Box<EndpointSlice>),
    Update(Box<EndpointSlice>),
    Delete(String),
}

/// Whether this controller keeps the slice.
pub(super) fn is_mirror(slice: &EndpointSlice) -> bool {
    let manager = slice
        .metadata
        .labels
        .as_ref()
        .and_then(|it| it.get(MANAGED_BY));
    manager.is_some_and(|it| it == MANAGER)
}

/// Whether this controller keeps the slice for the service `name`.
pub(super) fn is_mirror_of(slice: &EndpointSlice, name: &str) -> bool {
    is_mirror(slice) && endpoint_slices::service_of(slice).is_some_and(|(_, it)| it == name)
}

/// Whether these Endpoints of this service are mirrored at all.
pub(super) fn is_mirrored(endpoints: &Endpoints, service: &Service) -> bool {
    let metadata = &endpoints.metadata;
    let skips = metadata
        .labels
        .as_ref()
        .and_then(|it| it.get(SKIP))
        .is_some_and(|it| it == "true");
    let elects = metadata
        .annotations
        .as_ref()
        .is_some_and(|it| it.contains_key(LEADER));
    let selector = service.spec.as_ref().and_then(|it| it.selector.as_ref());
    let selects = selector.is_some_and(|it| !it.is_empty());
    !skips && !elects && !selects && metadata.deletion_timestamp.is_none()
}

/// What tells slices apart: the ports, in order, and the address family.
type Group = (Vec<(String, String, i32, Option<String>)>, &'static str);

/// The slices without what only the server knows.
pub(super) fn mirror(endpoints: &Endpoints) -> Mirror {
    let mut mirror = Mirror::default();
    let mut groups: BTreeMap<Group, Vec<Endpoint>> = BTreeMap::new();
    for subset in endpoints.subsets.iter().flatten() {
        let mut added = 0;
        for (address, ready) in addresses(subset) {
            if added == LIMIT {
                mirror.too_many += 1;
                continue;
            }
            let Ok(ip) = address.ip.parse::<IpAddr>() else {
                mirror.invalid += 1;
                continue;
            };
            added += 1;
            let ip = ip.to_canonical();
            let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
            let group = groups.entry((ports(subset), family)).or_default();
            let new = endpoint(address, ip, ready);
            // The same address twice, as ready and as not ready: the last one counts.
            group.retain(|it| it.addresses != new.addresses || it.target_ref != new.target_ref);
            group.push(new);
        }
    }
    let of = |((ports, family), mut content): (Group, Vec<Endpoint>)| {
        content.truncate(LIMIT);
        slice(endpoints, &ports, family, content)
    };
    mirror.slices = groups.into_iter().map(of).collect();
    mirror
}

fn addresses(subset: &EndpointSubset) -> impl Iterator<Item = (&EndpointAddress, bool)> {
    let ready = subset.addresses.iter().flatten().map(|it| (it, true));
    let not_ready = subset.not_ready_addresses.iter().flatten();
    ready.chain(not_ready.map(|it| (it, false)))
}

fn ports(subset: &EndpointSubset) -> Vec<(String, String, i32, Option<String>)> {
    let of = |it: &EndpointPort| {
        let protocol = it.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
        let name = it.name.clone().unwrap_or_default();
        (name, protocol, it.port, it.app_protocol.clone())
    };
    let mut ports: Vec<_> = subset.ports.iter().flatten().map(of).collect();
    ports.sort();
    ports
}

fn endpoint(address: &EndpointAddress, ip: IpAddr, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![ip.to_string()],
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            ..EndpointConditions::default()
        }),
        hostname: address.hostname.clone().filter(|it| !it.is_empty()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    }
}

fn slice(
    endpoints: &Endpoints,
    ports: &[(String, String, i32, Option<String>)],
    family: &str,
    content: Vec<Endpoint>,
) -> EndpointSlice {
    let metadata = &endpoints.metadata;
    let name = metadata.name.clone().unwrap_or_default();
    let mut labels = metadata.labels.clone().unwrap_or_default();
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    let mut annotations = metadata.annotations.clone().unwrap_or_default();
    annotations.retain(|key, _| key != TRIGGER_TIME && key != LAST_APPLIED);
    let port = |(name, protocol, number, app): &(String, String, i32, Option<String>)| SlicePort {
        name: Some(name.clone()),
        port: Some(*number),
        protocol: Some(protocol.clone()),
        app_protocol: app.clone(),
    };
    let ports: Vec<_> = ports.iter().map(port).collect();
    let slice = EndpointSlice {
        metadata: ObjectMeta {
            generate_name: Some(format!("{name}-")),
            namespace: metadata.namespace.clone(),
            annotations: Some(annotations).filter(|it| !it.is_empty()),
            owner_references: Some(vec![owners::controller_reference(endpoints)]),
            ..ObjectMeta::default()
        },
        address_type: family.to_owned(),
        endpoints: Some(content),
        ports: Some(ports).filter(|it| !it.is_empty()),
    };
    labels.insert(SERVICE_NAME.to_owned(), name);
    EndpointSlice {
        metadata: ObjectMeta {
            labels: Some(labels),
            ..slice.metadata
        },
        ..slice
    }
}

/// The steps from the slices that exist to those that are wanted.
pub(super) fn plan(wanted: &[EndpointSlice], existing: &[Arc<EndpointSlice>]) -> Vec<Step> {
    let mut unused = existing.to_vec();
    let mut steps = Vec::new();
    for slice in wanted {
        let same = |it: &Arc<EndpointSlice>| {
            it.address_type == slice.address_type && port_set(it) == port_set(slice)
        };
        let Some(found) = unused.iter().position(same) else {
            steps.push(Step::Create(Box::new(slice.clone())));
            continue;
        };
        let found = unused.remove(found);
        let mut updated = slice.clone();
        updated.metadata = ObjectMeta {
            labels: updated.metadata.labels,
            annotations: updated.metadata.annotations,
            owner_references: updated.metadata.owner_references,
            ..found.metadata.clone()
        };
        if updated != *found {
            steps.push(Step::Update(Box::new(updated)));
        }
    }
    let names = unused.iter().filter_map(|it| it.metadata.name.clone());
    steps.extend(names.map(Step::Delete));
    steps
}

fn port_set(slice: &EndpointSlice) -> Vec<String> {
    let ports = slice.ports.iter().flatten();
    let mut all: Vec<_> = ports.map(|it| format!("{it:?}")).collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests;
