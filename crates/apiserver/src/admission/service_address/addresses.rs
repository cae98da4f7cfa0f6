//! Cluster IPs: the ranges of the ServiceCIDR objects, and which address of them is free. Which are
//! taken is known from the names of the IPAddress objects; no Service is read.

use super::{KIND, bands, families, is_external_name, is_headless};
use crate::{Door, admission::Review, resources::Resource, verbs::stored_bytes};
use bytes::Bytes;
use ipnet::IpNet;
use k8s_openapi::{
    api::{
        core::v1::{Service, ServiceSpec},
        networking::v1::{IPAddress, IPAddressSpec, ParentReference, ServiceCIDR},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use machinery::{
    conditions,
    field::{Error, Path},
    status::Status,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    ops::Range,
    sync::Arc,
};

const GROUP: &str = "networking.k8s.io";
const PLURAL: &str = "ipaddresses";
const MANAGED_BY: &str = "ipaddress.kubernetes.io/managed-by";
const MANAGER: &str = "ipallocator.k8s.io";

/// A sixteenth of a range is left to those who choose for themselves, but no more than this.
const PARTS: u128 = 16;
const MOST: u128 = 256;

/// The store key of an address.
pub(super) fn key(review: &Review<'_>, address: IpAddr) -> String {
    let key = review.key(GROUP, PLURAL, "", &address.to_string());
    // The resource is built in; the fallback is a key that is as unique.
    key.unwrap_or_else(|| format!("/claims/service-addresses/{address}"))
}

/// The resource of addresses.
pub(super) fn resource(door: &Door) -> Option<&Arc<Resource>> {
    door.resources.find_any(GROUP, PLURAL)
}

/// Whether the door gave this address out.
pub(super) fn is_given(address: &IPAddress) -> bool {
    let labels = address.metadata.labels.as_ref();
    labels.and_then(|it| it.get(MANAGED_BY)).map(String::as_str) == Some(MANAGER)
}

/// The object that an address in use is.
pub(super) fn object(address: IpAddr, namespace: &str, service: &str) -> IPAddress {
    let labels = BTreeMap::from([
        (
            "ipaddress.kubernetes.io/ip-family".to_owned(),
            families::of(address).to_owned(),
        ),
        (MANAGED_BY.to_owned(), MANAGER.to_owned()),
    ]);
    IPAddress {
        metadata: ObjectMeta {
            name: Some(address.to_string()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        spec: IPAddressSpec {
            parent_ref: ParentReference {
                group: Some(String::new()),
                resource: "services".to_owned(),
                namespace: Some(namespace.to_owned()),
                name: service.to_owned(),
            },
        },
    }
}

pub(super) fn object_bytes(review: &Review<'_>, address: IpAddr, service: &Service) -> Bytes {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let mut made = object(address, review.namespace, name);
    made.metadata.uid = Some(review.random().uuid());
    made.metadata.creation_timestamp = Some(Time(stdx::clock::whole_seconds(review.now)));
    stored_bytes(&mut made)
}

/// The families of the cluster, its own first.
pub(super) fn families(review: &Review<'_>) -> Vec<&'static str> {
    let mut all: Vec<&'static str> = Vec::new();
    for cidr in &review.network().service_cidrs {
        let family = families::of(cidr.addr());
        if !all.contains(&family) {
            all.push(family);
        }
    }
    all
}

/// Ranges that may be allocated from: those of ServiceCIDRs that are ready and stay.
fn ranges(review: &Review<'_>) -> Vec<IpNet> {
    let all: Vec<ServiceCIDR> = review.all("");
    if all.is_empty() {
        return review.network().service_cidrs.clone();
    }
    let ready = all
        .iter()
        .filter(|it| it.metadata.deletion_timestamp.is_none())
        .filter(|it| {
            let status = it.status.as_ref().and_then(|it| it.conditions.as_ref());
            // Without a controller nobody says that it is ready.
            conditions::get(status, "Ready").is_none_or(|it| it.status == "True")
        });
    ready
        .flat_map(|it| it.spec.iter().flat_map(|it| it.cidrs.iter().flatten()))
        .filter_map(|it| it.parse().ok())
        .collect()
}

/// Gives the Service the addresses that its families still lack, and checks those that it names.
pub(super) fn allocate(
    review: &Review<'_>,
    spec: &mut ServiceSpec,
    old: Option<&ServiceSpec>,
    name: &str,
) -> Result<(), Status> {
    if is_external_name(spec) || is_headless(spec) || old.is_some_and(is_headless) {
        return Ok(());
    }
    let held: BTreeSet<&String> = old
        .filter(|it| !is_external_name(it))
        .and_then(|it| it.cluster_ips.as_ref())
        .into_iter()
        .flatten()
        .collect();
    let wanted = spec.ip_families.clone().unwrap_or_default();
    let given = spec.cluster_ips.clone().unwrap_or_default();
    let ranges = ranges(review);
    let mut all = given.clone();
    for (index, family) in wanted.iter().enumerate() {
        let own = given.get(index).filter(|it| !it.is_empty());
        match own {
            Some(own) if held.contains(own) => {}
            Some(own) => {
                // What is no address at all is left to the law.
                if let Ok(address) = own.parse() {
                    check(review, &ranges, address).map_err(|because| {
                        let path = Path::new("spec").child("clusterIPs");
                        let text = format!("failed to allocate IP {own}: {because}");
                        let value = serde_json::json!(given);
                        Status::invalid(KIND, name, &[Error::invalid(&path, value, &text)])
                    })?;
                }
            }
            None => {
                let address = free(review, &ranges, family).ok_or_else(|| {
                    Status::internal(&"failed to allocate a serviceIP: range is full")
                })?;
                all.resize(all.len().max(index + 1), String::new());
                all[index] = address.to_string();
            }
        }
    }
    if spec.cluster_ip.as_deref().unwrap_or_default().is_empty() {
        spec.cluster_ip = all.first().cloned();
    }
    spec.cluster_ips = Some(all);
    Ok(())
}

fn is_held(review: &Review<'_>, address: IpAddr) -> bool {
    review.exists(GROUP, PLURAL, "", &address.to_string())
}

/// Why an address cannot be had.
fn check(review: &Review<'_>, ranges: &[IpNet], address: IpAddr) -> Result<(), String> {
    let Some(range) = ranges.iter().find(|it| it.contains(&address)) else {
        return Err("the provided network does not match the current range".to_owned());
    };
    let offset = number(address) - number(range.network());
    if !usable(*range).contains(&offset) {
        return Err(format!(
            "the provided IP ({address}) is not in the valid range. The range of valid IPs is {range}"
        ));
    }
    if is_held(review, address) {
        return Err("provided IP is already allocated".to_owned());
    }
    Ok(())
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(it) => u128::from(u32::from(it)),
        IpAddr::V6(it) => u128::from(it),
    }
}

/// Offsets of addresses that may be given out: not the network's own, nor IPv4's broadcast.
fn usable(range: IpNet) -> Range<u128> {
    let bits = u32::from(range.max_prefix_len() - range.prefix_len());
    let size = 1u128.checked_shl(bits).unwrap_or(u128::MAX);
    let last = if range.addr().is_ipv4() { 1 } else { 0 };
    1..size.saturating_sub(last).max(1)
}

/// A free address of the family: from the upper part of a range, and when that is full from the
/// lower one; from a random one onwards.
fn free(review: &Review<'_>, ranges: &[IpNet], family: &str) -> Option<IpAddr> {
    let own = ranges.iter().filter(|it| families::of(it.addr()) == family);
    for range in own {
        let first = number(range.network());
        let address = |offset: u128| match range.network() {
            IpAddr::V4(_) => u32::try_from(first + offset)
                .ok()
                .map(|it| IpAddr::V4(it.into())),
            IpAddr::V6(_) => Some(IpAddr::V6((first + offset).into())),
        };
        let found = bands::tried(review, usable(*range), PARTS, MOST)
            .filter_map(address)
            .find(|it| !is_held(review, *it));
        if found.is_some() {
            return found;
        }
    }
    None
}
