//! Every name of the cluster and its records, kept current one service at a time. Pure. Follows the Kubernetes DNS
//! specification 1.1 (upstream: CoreDNS's kubernetes plugin).

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use reconcile::Key;

use crate::wire::{self, Record};

/// Names and what they hold.
#[derive(Debug)]
pub struct Index {
    zone: Vec<u8>,
    zone_text: String,
    names: HashMap<Vec<u8>, Node>,
    owners: HashMap<Key, Vec<(Vec<u8>, Record)>>,
}

/// A name that exists: it holds records, or names below it do.
#[derive(Debug, Default)]
struct Node {
    records: Vec<Record>,
    uses: usize,
}

impl Index {
    /// An empty index of a zone such as `cluster.local`; none if that is no name.
    #[must_use]
    pub fn new(zone: &str) -> Option<Self> {
        let wire = wire::name(zone)?;
        let mut index = Self {
            zone: wire,
            zone_text: zone.trim_end_matches('.').to_owned(),
            names: HashMap::new(),
            owners: HashMap::new(),
        };
        let version = vec![(
            wire::name(&format!("dns-version.{zone}"))?,
            Record::own(wire::TXT, b"\x051.1.0".to_vec()),
        )];
        index.replace(Key::default(), version);
        Some(index)
    }

    /// Sets what one service and its slices mean; no service means nothing.
    pub fn set(&mut self, key: &Key, service: Option<&Service>, slices: &[Arc<EndpointSlice>]) {
        let records = service
            .map(|service| records_of(service, key, slices, &self.zone_text))
            .unwrap_or_default();
        self.replace(key.clone(), records);
    }

    pub(crate) fn zone(&self) -> &[u8] {
        &self.zone
    }

    /// The records of a name; none if there is no such name.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&[Record]> {
        self.names.get(name).map(|node| node.records.as_slice())
    }

    fn replace(&mut self, owner: Key, records: Vec<(Vec<u8>, Record)>) {
        let former = match records.is_empty() {
            true => self.owners.remove(&owner),
            false => self.owners.insert(owner, records.clone()),
        };
        // Added before the old ones go, so that nobody finds a moment without the name.
        for (name, record) in records {
            self.names
                .entry(name.clone())
                .or_default()
                .records
                .push(record);
            self.visit(&name, |node| node.uses += 1);
        }
        for (name, record) in former.into_iter().flatten() {
            if let Some(node) = self.names.get_mut(&name)
                && let Some(position) = node.records.iter().position(|held| *held == record)
            {
                node.records.remove(position);
            }
            self.visit(&name, |node| node.uses -= 1);
        }
    }

    /// The name and those above it up to the zone; reverse names stand alone.
    fn visit(&mut self, name: &[u8], change: impl Fn(&mut Node)) {
        let inside = name.ends_with(&self.zone);
        let mut rest = Some(name);
        while let Some(name) = rest {
            let node = self.names.entry(name.to_vec()).or_default();
            change(node);
            if node.uses == 0 {
                self.names.remove(name);
            }
            rest = if inside && name != self.zone {
                wire::parent(name)
            } else {
                None
            };
        }
    }
}

/// What is being written for one service.
struct Writer<'a> {
    base: String,
    zone: &'a str,
    key: &'a Key,
    found: Vec<(Vec<u8>, Record)>,
}

fn records_of(
    service: &Service,
    key: &Key,
    slices: &[Arc<EndpointSlice>],
    zone: &str,
) -> Vec<(Vec<u8>, Record)> {
    let Some(spec) = &service.spec else {
        return Vec::new();
    };
    let base = format!("{}.{}.svc.{zone}", key.name, key.namespace);
    let mut writer = Writer {
        base,
        zone,
        key,
        found: Vec::new(),
    };
    if spec.type_.as_deref() == Some("ExternalName") {
        let base = writer.base.clone();
        if let Some(target) = spec.external_name.as_deref().and_then(wire::name) {
            writer.add(&base, wire::CNAME, [target, vec![0]].concat());
        }
    } else if spec.cluster_ip.as_deref() == Some("None") {
        writer.headless(slices);
    } else {
        writer.with_address(spec);
    }
    writer.found
}

impl Writer<'_> {
    fn add(&mut self, name: &str, kind: u16, value: Vec<u8>) {
        if let Some(name) = wire::name(name) {
            self.found.push((name, Record::own(kind, value)));
        }
    }

    fn add_address(&mut self, name: &str, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.add(name, wire::A, address.octets().to_vec()),
            IpAddr::V6(address) => self.add(name, wire::AAAA, address.octets().to_vec()),
        }
    }

    fn add_reverse(&mut self, address: IpAddr, target: &str) {
        if let Some(target) = wire::name(target) {
            self.add(
                &reverse_name(address),
                wire::PTR,
                [target, vec![0]].concat(),
            );
        }
    }

    fn with_address(&mut self, spec: &ServiceSpec) {
        let base = self.base.clone();
        let all = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip);
        let addresses: BTreeSet<IpAddr> = all.filter_map(|address| address.parse().ok()).collect();
        for address in addresses {
            self.add_address(&base, address);
            self.add_reverse(address, &base);
        }
        for port in spec.ports.iter().flatten() {
            let name = port.name.as_deref().unwrap_or_default();
            self.add_service(name, port.protocol.as_deref(), port.port, 100, &base);
        }
    }

    fn headless(&mut self, slices: &[Arc<EndpointSlice>]) {
        let ready = |endpoint: &&Endpoint| {
            endpoint
                .conditions
                .as_ref()
                .and_then(|c| c.ready)
                .unwrap_or(true)
        };
        let endpoints = |slice: &EndpointSlice| {
            slice
                .endpoints
                .iter()
                .flatten()
                .filter(ready)
                .cloned()
                .collect::<Vec<_>>()
        };
        let weight = 100
            / slices
                .iter()
                .map(|slice| endpoints(slice).len())
                .sum::<usize>()
                .clamp(1, 100);
        let mut seen = BTreeSet::new();
        for slice in slices {
            for endpoint in endpoints(slice) {
                for address in endpoint
                    .addresses
                    .iter()
                    .filter_map(|address| address.parse::<IpAddr>().ok())
                {
                    let label = endpoint.hostname.clone().unwrap_or_else(|| dashed(address));
                    let own = format!(
                        "{label}.{}.{}.svc.{}",
                        self.key.name, self.key.namespace, self.zone
                    );
                    for port in slice.ports.iter().flatten() {
                        let (name, number) = (
                            port.name.as_deref().unwrap_or_default(),
                            port.port.unwrap_or_default(),
                        );
                        if seen.insert((
                            own.clone(),
                            name.to_owned(),
                            port.protocol.clone(),
                            number,
                        )) {
                            self.add_service(
                                name,
                                port.protocol.as_deref(),
                                number,
                                weight as u16,
                                &own,
                            );
                        }
                    }
                    if seen.insert((own.clone(), address.to_string(), None, -1)) {
                        let base = self.base.clone();
                        self.add_address(&base, address);
                        self.add_address(&own, address);
                        self.add_reverse(address, &own);
                    }
                }
            }
        }
    }

    fn add_service(
        &mut self,
        port: &str,
        protocol: Option<&str>,
        number: i32,
        weight: u16,
        target: &str,
    ) {
        let (Ok(number), Some(target)) = (u16::try_from(number), wire::name(target)) else {
            return;
        };
        if port.is_empty() {
            return;
        }
        let name = format!("_{port}._{}.{}", protocol.unwrap_or("TCP"), self.base);
        let mut value = vec![0, 0];
        value.extend_from_slice(&weight.to_be_bytes());
        value.extend_from_slice(&number.to_be_bytes());
        value.extend_from_slice(&target);
        value.push(0);
        self.add(&name, wire::SRV, value);
    }
}

/// What an endpoint without a hostname is called.
fn dashed(address: IpAddr) -> String {
    address.to_string().replace(['.', ':'], "-")
}

fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles = address
                .octets()
                .into_iter()
                .rev()
                .map(|byte| format!("{:x}.{:x}.", byte & 15, byte >> 4));
            format!("{}ip6.arpa", nibbles.collect::<String>())
        }
    }
}
