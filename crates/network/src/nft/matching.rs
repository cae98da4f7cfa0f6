//! What rules and elements of every kind are made of: the maps' names and keys, ranges, the masquerade mark.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::rule::{ElementKey, Family, Load, Rule, Step};
use crate::Protocol;

pub(crate) const SERVICE_IPS: &str = "service-ips";
pub(crate) const NODE_PORTS: &str = "service-node-ports";
pub(crate) const REFUSED_IPS: &str = "refused-ips";
pub(crate) const REFUSED_NODE_PORTS: &str = "refused-node-ports";
pub(crate) const HAIRPINS: &str = "hairpins";

/// Upstream's bit: connections that carry it are masqueraded.
pub(crate) const MASQUERADE_MARK: u32 = 0x4000;
/// The kernel's number for "an address of this machine" (RTN_LOCAL).
pub(crate) const LOCAL_KIND: u32 = 2;
/// The connection-tracking state of a first packet (NF_CT_STATE_BIT of IP_CT_NEW).
pub(crate) const STATE_NEW: u32 = 8;

pub(crate) fn mark_if(mut condition: Rule) -> Rule {
    let mark = MASQUERADE_MARK.to_ne_bytes().to_vec();
    condition.push(Step::Load(Load::Mark, 0));
    condition.push(Step::Mask {
        register: 0,
        mask: (!MASQUERADE_MARK).to_ne_bytes().to_vec(),
        flip: mark,
    });
    condition.push(Step::SetMark(0));
    condition
}

/// Whether the address in the register is in the range, or is not.
pub(crate) fn within(register: u32, range: &IpNet, inside: bool) -> Vec<Step> {
    let network = address_bytes(&range.network());
    let mask = address_bytes(&range.netmask());
    let zero = vec![0; mask.len()];
    let compare = if inside {
        Step::Equal(register, network)
    } else {
        Step::NotEqual(register, network)
    };
    vec![
        Step::Mask {
            register,
            mask,
            flip: zero,
        },
        compare,
    ]
}

pub(crate) fn of_family(ranges: &[IpNet], family: Family) -> Vec<IpNet> {
    ranges
        .iter()
        .filter(|range| Family::of(&range.addr()) == family)
        .copied()
        .collect()
}

pub(crate) fn ip_element(
    set: &'static str,
    address: &IpAddr,
    protocol: Protocol,
    port: u16,
) -> ElementKey {
    let mut key = address_bytes(address);
    key.extend(protocol_port(protocol, port));
    ElementKey { set, key }
}

pub(crate) fn port_element(set: &'static str, protocol: Protocol, port: u16) -> ElementKey {
    ElementKey {
        set,
        key: protocol_port(protocol, port).to_vec(),
    }
}

pub(crate) fn hairpin(address: &IpAddr) -> ElementKey {
    ElementKey {
        set: HAIRPINS,
        key: [address_bytes(address), address_bytes(address)].concat(),
    }
}

/// Every field of a key fills whole four-byte registers.
pub(crate) fn protocol_port(protocol: Protocol, port: u16) -> [u8; 8] {
    let [high, low] = port.to_be_bytes();
    [protocol.number(), 0, 0, 0, high, low, 0, 0]
}

pub(crate) fn endpoint_bytes(endpoint: &SocketAddr) -> Vec<u8> {
    let [high, low] = endpoint.port().to_be_bytes();
    [address_bytes(&endpoint.ip()), vec![high, low, 0, 0]].concat()
}

pub(crate) fn address_bytes(address: &IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The kernel compares link names as sixteen bytes.
pub(crate) fn link_name(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}
