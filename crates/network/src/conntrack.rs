//! Forgets tracked UDP flows whose backend is gone: rules are asked only for the first packet of a flow, and UDP has
//! no end a flow could be seen to come to.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use crate::netlink::{self, Batch, Socket, attributes};
use crate::{Protocol, ServicePort, ServicePorts};

const SUBSYSTEM: u16 = 1 << 8;
const GET: u16 = SUBSYSTEM | 1;
const DELETE: u16 = SUBSYSTEM | 2;
const TUPLE_ORIGINAL: u16 = 1;
const TUPLE_REPLY: u16 = 2;
const FAMILIES: [u8; 2] = [2, 10];

/// Which backends a flow to an address, or to a node port, may have.
#[derive(Debug, Default, PartialEq, Eq)]
struct Allowed {
    addresses: BTreeMap<SocketAddr, BTreeSet<SocketAddr>>,
    node_ports: BTreeMap<u16, BTreeSet<SocketAddr>>,
}

/// One direction of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tuple {
    protocol: u8,
    source: SocketAddr,
    destination: SocketAddr,
}

/// Deletes the flows of UDP services that differ between the two and no longer lead to one of their backends.
pub(crate) fn forget_stale(old: &ServicePorts, new: &ServicePorts) -> io::Result<()> {
    let allowed = changed(old, new);
    if allowed == Allowed::default() {
        return Ok(());
    }
    let socket = Socket::open(Some(rustix::net::netlink::NETFILTER))?;
    for family in FAMILIES {
        let mut request = Batch::default();
        request.message(GET, netlink::DUMP, &[family, 0, 0, 0]);
        for (_, flow) in socket.dump(&mut request)? {
            let Some((raw, original, reply)) = parse(&flow) else {
                continue;
            };
            if !allowed.is_stale(&original, &reply) {
                continue;
            }
            let mut request = Batch::default();
            request.message(DELETE, 0, &[family, 0, 0, 0]);
            request.nest(TUPLE_ORIGINAL, |tuple| tuple.raw(raw));
            request.acknowledge();
            match socket.transact(&mut request, 1) {
                // It may have ended by itself.
                Err(refusal) if refusal.source.kind() != io::ErrorKind::NotFound => {
                    return Err(refusal.source);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn changed(old: &ServicePorts, new: &ServicePorts) -> Allowed {
    let mut allowed = Allowed::default();
    let is_udp = |port: &&Arc<ServicePort>| port.protocol == Protocol::Udp;
    for (name, port) in old.iter().filter(|(_, port)| is_udp(port)) {
        if !new
            .get(name)
            .is_some_and(|kept| Arc::ptr_eq(kept, port) || kept == port)
        {
            allowed.allow(port, false);
        }
    }
    for (name, port) in new.iter().filter(|(_, port)| is_udp(port)) {
        if !old
            .get(name)
            .is_some_and(|former| Arc::ptr_eq(former, port) || former == port)
        {
            allowed.allow(port, true);
        }
    }
    allowed
}

impl Allowed {
    fn allow(&mut self, port: &ServicePort, with_backends: bool) {
        let all = port.backends.iter().chain(&port.local_backends);
        let backends = || all.clone().filter(|_| with_backends).copied();
        let external = port
            .external
            .addresses
            .iter()
            .chain(&port.external.load_balancer);
        for address in external.chain([&port.cluster_ip]) {
            self.addresses
                .entry(SocketAddr::new(*address, port.port))
                .or_default()
                .extend(backends());
        }
        if let Some(node_port) = port.external.node_port {
            self.node_ports
                .entry(node_port)
                .or_default()
                .extend(backends());
        }
    }

    fn is_stale(&self, original: &Tuple, reply: &Tuple) -> bool {
        if original.protocol != Protocol::Udp.number() {
            return false;
        }
        match self.addresses.get(&original.destination) {
            Some(backends) => !backends.contains(&reply.source),
            // Without translation the port is a local process's, and none of ours.
            None if original.destination == reply.source => false,
            None => {
                let backends = self.node_ports.get(&original.destination.port());
                backends.is_some_and(|backends| !backends.contains(&reply.source))
            }
        }
    }
}

fn parse(flow: &[u8]) -> Option<(&[u8], Tuple, Tuple)> {
    let flow = flow.get(4..)?;
    let find = |wanted| {
        attributes(flow)
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, value)| value)
    };
    let original = find(TUPLE_ORIGINAL)?;
    Some((
        original,
        parse_tuple(original)?,
        parse_tuple(find(TUPLE_REPLY)?)?,
    ))
}

fn parse_tuple(bytes: &[u8]) -> Option<Tuple> {
    let field = |outer, inner| {
        let (_, nested) = attributes(bytes).find(|(kind, _)| *kind == outer)?;
        attributes(nested)
            .find(|(kind, _)| *kind == inner)
            .map(|(_, value)| value)
    };
    let address = |v4, v6| {
        let v4 = || {
            <[u8; 4]>::try_from(field(1, v4)?)
                .ok()
                .map(|octets| IpAddr::V4(Ipv4Addr::from(octets)))
        };
        let v6 = || {
            <[u8; 16]>::try_from(field(1, v6)?)
                .ok()
                .map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))
        };
        v4().or_else(v6)
    };
    let port = |kind| {
        <[u8; 2]>::try_from(field(2, kind)?)
            .ok()
            .map(u16::from_be_bytes)
    };
    Some(Tuple {
        protocol: *field(2, 1)?.first()?,
        source: SocketAddr::new(address(1, 3)?, port(2)?),
        destination: SocketAddr::new(address(2, 4)?, port(3)?),
    })
}
