//! From what the firewall should do to rules and map elements. Pure. One service port becomes a few chains of its
//! own and one element in each map that leads to them, so changing a service touches nothing of any other.
//!
//! How a connection travels: `services` (before routing, and for local processes before their packet leaves) looks
//! address, protocol and port up in `service-ips`, then the port alone in `service-node-ports` if the address is one
//! of this node's. The element's chain picks a backend. `postrouting` masquerades what was marked, what would meet
//! itself, and what leaves the pods' ranges. What nobody answers for is rejected in the filter hooks.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::rule::{
    Chain, Datatype, ElementKey, Family, Fragment, Hook, HookPoint, Load, Rule, SetKind, Step,
    Verdict,
};
use crate::{ClusterRanges, HostPort, Protocol, ServicePort};

pub(crate) const SERVICE_IPS: &str = "service-ips";
pub(crate) const NODE_PORTS: &str = "service-node-ports";
pub(crate) const REFUSED_IPS: &str = "refused-ips";
pub(crate) const REFUSED_NODE_PORTS: &str = "refused-node-ports";
pub(crate) const HAIRPINS: &str = "hairpins";

/// Upstream's bit: connections that carry it are masqueraded.
const MASQUERADE_MARK: u32 = 0x4000;
/// The kernel's number for "an address of this machine" (RTN_LOCAL).
const LOCAL_KIND: u32 = 2;
/// The connection-tracking state of a first packet (NF_CT_STATE_BIT of IP_CT_NEW).
const STATE_NEW: u32 = 8;

const NAT_BEFORE: i32 = -100;
const NAT_AFTER: i32 = 100;
const RAW: i32 = -300;
const FILTER: i32 = 0;

/// The chains and maps every table has.
pub(crate) fn frame(family: Family, ranges: &ClusterRanges) -> Fragment {
    let pods = of_family(&ranges.pods, family);
    let services = of_family(&ranges.services, family);
    let mut fragment = Fragment::default();
    let verdicts = |key| SetKind {
        key,
        value: Some(Datatype::Verdict),
        dynamic: false,
    };
    for (name, kind) in [
        (SERVICE_IPS, verdicts(Datatype::AddressProtocolPort)),
        (NODE_PORTS, verdicts(Datatype::ProtocolPort)),
        (REFUSED_IPS, verdicts(Datatype::AddressProtocolPort)),
        (REFUSED_NODE_PORTS, verdicts(Datatype::ProtocolPort)),
        (
            HAIRPINS,
            SetKind {
                key: Datatype::AddressPair,
                value: None,
                dynamic: false,
            },
        ),
    ] {
        fragment.sets.insert(name.to_owned(), kind);
    }
    let mut base = |name: &str, kind, hook, priority, rules| {
        let hook = Some(Hook {
            kind,
            hook,
            priority,
        });
        fragment
            .chains
            .insert(name.to_owned(), Chain { hook, rules });
    };
    let to_services = || vec![vec![Step::Verdict(Verdict::Jump("services".to_owned()))]];
    base(
        "prerouting",
        "nat",
        HookPoint::Prerouting,
        NAT_BEFORE,
        to_services(),
    );
    base(
        "output",
        "nat",
        HookPoint::Output,
        NAT_BEFORE,
        to_services(),
    );
    base(
        "postrouting",
        "nat",
        HookPoint::Postrouting,
        NAT_AFTER,
        postrouting(family, ranges, &pods, &services),
    );
    let judge = || {
        let state = STATE_NEW.to_ne_bytes().to_vec();
        let mut rule = vec![Step::Load(Load::ConnectionState, 0)];
        rule.push(Step::Mask {
            register: 0,
            mask: state,
            flip: vec![0; 4],
        });
        rule.push(Step::NotEqual(0, vec![0; 4]));
        rule.push(Step::Verdict(Verdict::Jump("refused".to_owned())));
        vec![rule]
    };
    base("filter-input", "filter", HookPoint::Input, FILTER, judge());
    base(
        "filter-forward",
        "filter",
        HookPoint::Forward,
        FILTER,
        judge(),
    );
    base(
        "filter-output",
        "filter",
        HookPoint::Output,
        FILTER,
        judge(),
    );
    if family == Family::V4 && !ranges.bridge.is_empty() {
        base(
            "raw-prerouting",
            "filter",
            HookPoint::Prerouting,
            RAW,
            vec![keep_from_loopback(&ranges.bridge)],
        );
    }
    let mut plain = |name: &str, rules| {
        fragment
            .chains
            .insert(name.to_owned(), Chain { hook: None, rules })
    };
    plain("services", service_lookup(family, &pods, &services));
    plain("refused", refusals(family, &services));
    plain("reject", vec![vec![Step::Reject]]);
    fragment
}

/// One service port of this family.
pub(crate) fn service(name: &str, port: &ServicePort, pods: &[IpNet]) -> Fragment {
    let family = Family::of(&port.cluster_ip);
    let mut fragment = Fragment::default();
    let addresses = || {
        [&port.external.addresses, &port.external.load_balancer]
            .into_iter()
            .flatten()
    };
    let of_port = |backends: &[SocketAddr]| -> Vec<SocketAddr> {
        backends
            .iter()
            .filter(|backend| Family::of(&backend.ip()) == family)
            .copied()
            .collect()
    };
    let (all, local) = (of_port(&port.backends), of_port(&port.local_backends));
    if all.is_empty() && local.is_empty() {
        let reject = Some(Verdict::Goto("reject".to_owned()));
        for address in std::iter::once(&port.cluster_ip).chain(addresses()) {
            fragment.elements.insert(
                ip_element(REFUSED_IPS, address, port.protocol, port.port),
                reject.clone(),
            );
        }
        if let Some(node_port) = port.external.node_port {
            fragment.elements.insert(
                port_element(REFUSED_NODE_PORTS, port.protocol, node_port),
                reject,
            );
        }
        return fragment;
    }
    let sticky = format!("sticky-{name}");
    let affinity = port
        .affinity
        .map(|affinity| (sticky.as_str(), affinity.timeout_seconds));
    if affinity.is_some() {
        let kind = SetKind {
            key: Datatype::Address,
            value: Some(Datatype::AddressPort),
            dynamic: true,
        };
        fragment.sets.insert(sticky.clone(), kind);
    }
    let mut chain = |name: &str, rules| {
        fragment
            .chains
            .insert(name.to_owned(), Chain { hook: None, rules })
    };
    let inside = format!("service-{name}");
    chain(
        &inside,
        choose(
            family,
            if port.internal_local_only {
                &local
            } else {
                &all
            },
            affinity,
        ),
    );
    let external = &port.external;
    let outside = format!("external-{name}");
    let guarded = format!("guarded-{name}");
    if external.node_port.is_some() || addresses().next().is_some() {
        let rules = from_outside(port, &of_family(pods, family), &all, &local, affinity);
        chain(&outside, rules);
    }
    if !external.source_ranges.is_empty() && !external.load_balancer.is_empty() {
        chain(
            &guarded,
            only_from(family, &external.source_ranges, &outside),
        );
    }
    let goto = |chain: &str| Some(Verdict::Goto(chain.to_owned()));
    let mut lead = |address: &IpAddr, chain: &str| {
        fragment.elements.insert(
            ip_element(SERVICE_IPS, address, port.protocol, port.port),
            goto(chain),
        );
    };
    external
        .addresses
        .iter()
        .for_each(|address| lead(address, &outside));
    let entrance = if external.source_ranges.is_empty() {
        &outside
    } else {
        &guarded
    };
    external
        .load_balancer
        .iter()
        .for_each(|address| lead(address, entrance));
    lead(&port.cluster_ip, &inside);
    if let Some(node_port) = external.node_port {
        fragment.elements.insert(
            port_element(NODE_PORTS, port.protocol, node_port),
            goto(&outside),
        );
    }
    for address in all.iter().chain(&local) {
        fragment.elements.insert(hairpin(&address.ip()), None);
    }
    fragment
}

/// The host ports of one sandbox, in the family of the pod's address.
pub(crate) fn host_ports(sandbox_id: &str, pod: IpAddr, ports: &[HostPort]) -> Fragment {
    let family = Family::of(&pod);
    let mut fragment = Fragment::default();
    for port in ports {
        let only = port.host_ip.filter(|address| !address.is_unspecified());
        if only.is_some_and(|address| Family::of(&address) != family) {
            continue;
        }
        let name = format!(
            "host-port-{sandbox_id}/{}/{}",
            port.protocol.name(),
            port.host_port
        );
        let mut rules = vec![mark_if(vec![
            Step::Load(Load::SourceKind, 0),
            Step::Equal(0, LOCAL_KIND.to_ne_bytes().to_vec()),
        ])];
        rules.extend(choose(family, &[SocketAddr::new(pod, port.pod_port)], None));
        fragment
            .chains
            .insert(name.clone(), Chain { hook: None, rules });
        let key = match only {
            Some(address) => ip_element(SERVICE_IPS, &address, port.protocol, port.host_port),
            None => port_element(NODE_PORTS, port.protocol, port.host_port),
        };
        fragment.elements.insert(key, Some(Verdict::Goto(name)));
        fragment.elements.insert(hairpin(&pod), None);
    }
    fragment
}

fn service_lookup(family: Family, pods: &[IpNet], services: &[IpNet]) -> Vec<Rule> {
    let port = family.address_words() + 1;
    let mut rules: Vec<Rule> = services
        .iter()
        .map(|range| {
            // Strangers who use a service address must have their answer come back this way.
            let mut steps = vec![Step::Load(Load::DestinationAddress, 0)];
            steps.extend(within(0, range, true));
            for pods in pods {
                steps.push(Step::Load(Load::SourceAddress, 0));
                steps.extend(within(0, pods, false));
            }
            mark_if(steps)
        })
        .collect();
    rules.push(vec![
        Step::Load(Load::DestinationAddress, 0),
        Step::Load(Load::Protocol, port - 1),
        Step::Load(Load::DestinationPort, port),
        Step::VerdictMap {
            map: SERVICE_IPS.to_owned(),
            key: 0,
        },
    ]);
    rules.push(on_node(NODE_PORTS));
    rules
}

fn refusals(family: Family, services: &[IpNet]) -> Vec<Rule> {
    let port = family.address_words() + 1;
    let mut rules = vec![
        vec![
            Step::Load(Load::DestinationAddress, 0),
            Step::Load(Load::Protocol, port - 1),
            Step::Load(Load::DestinationPort, port),
            Step::VerdictMap {
                map: REFUSED_IPS.to_owned(),
                key: 0,
            },
        ],
        on_node(REFUSED_NODE_PORTS),
    ];
    for range in services {
        let mut steps = vec![Step::Load(Load::DestinationAddress, 0)];
        steps.extend(within(0, range, true));
        steps.push(Step::Verdict(Verdict::Goto("reject".to_owned())));
        rules.push(steps);
    }
    rules
}

/// Looks protocol and port up, for packets to an address of this machine.
fn on_node(map: &str) -> Rule {
    vec![
        Step::Load(Load::DestinationKind, 0),
        Step::Equal(0, LOCAL_KIND.to_ne_bytes().to_vec()),
        Step::Load(Load::Protocol, 0),
        Step::Load(Load::DestinationPort, 1),
        Step::VerdictMap {
            map: map.to_owned(),
            key: 0,
        },
    ]
}

fn postrouting(
    family: Family,
    ranges: &ClusterRanges,
    pods: &[IpNet],
    services: &[IpNet],
) -> Vec<Rule> {
    let mark = MASQUERADE_MARK.to_ne_bytes().to_vec();
    let marked = vec![
        Step::Load(Load::Mark, 0),
        Step::Mask {
            register: 0,
            mask: mark.clone(),
            flip: vec![0; 4],
        },
        Step::NotEqual(0, vec![0; 4]),
        Step::Load(Load::Mark, 0),
        // The bit has done its work; others may use the mark later on the way.
        Step::Mask {
            register: 0,
            mask: (!MASQUERADE_MARK).to_ne_bytes().to_vec(),
            flip: vec![0; 4],
        },
        Step::SetMark(0),
        Step::Masquerade,
    ];
    let itself = vec![
        Step::Load(Load::SourceAddress, 0),
        Step::Load(Load::DestinationAddress, family.address_words()),
        Step::Contains {
            set: HAIRPINS.to_owned(),
            key: 0,
        },
        Step::Masquerade,
    ];
    let leaving = pods.iter().map(|from| {
        let mut steps = Vec::new();
        if !ranges.bridge.is_empty() {
            steps.push(Step::Load(Load::OutputLink, 0));
            steps.push(Step::NotEqual(0, link_name(&ranges.bridge)));
        }
        steps.push(Step::Load(Load::SourceAddress, 0));
        steps.extend(within(0, from, true));
        for range in pods.iter().chain(services) {
            steps.push(Step::Load(Load::DestinationAddress, 0));
            steps.extend(within(0, range, false));
        }
        steps.push(Step::Masquerade);
        steps
    });
    [marked, itself].into_iter().chain(leaving).collect()
}

/// Pods could otherwise reach what listens on the node's loopback addresses: the bridge routes them.
fn keep_from_loopback(bridge: &str) -> Rule {
    let mut steps = vec![
        Step::Load(Load::InputLink, 0),
        Step::Equal(0, link_name(bridge)),
    ];
    steps.push(Step::Load(Load::DestinationAddress, 0));
    steps.push(Step::Mask {
        register: 0,
        mask: vec![255, 0, 0, 0],
        flip: vec![0; 4],
    });
    steps.push(Step::Equal(0, vec![127, 0, 0, 0]));
    steps.push(Step::Verdict(Verdict::Drop));
    steps
}

/// Node ports, external and load-balancer addresses.
fn from_outside(
    port: &ServicePort,
    pods: &[IpNet],
    all: &[SocketAddr],
    local: &[SocketAddr],
    affinity: Option<(&str, u32)>,
) -> Vec<Rule> {
    let family = Family::of(&port.cluster_ip);
    if !port.external.local_only {
        let mut rules = vec![mark_if(Vec::new())];
        rules.extend(choose(family, all, affinity));
        return rules;
    }
    // Local policy is a promise to clients from elsewhere; this node's processes and the cluster's pods go anywhere.
    let anywhere = |mut condition: Rule| {
        condition.extend(choose(family, all, None).into_iter().flatten());
        condition
    };
    let node = vec![
        Step::Load(Load::SourceKind, 0),
        Step::Equal(0, LOCAL_KIND.to_ne_bytes().to_vec()),
    ];
    let mut rules = vec![mark_if(node.clone()), anywhere(node)];
    for range in pods {
        let mut from_pod = vec![Step::Load(Load::SourceAddress, 0)];
        from_pod.extend(within(0, range, true));
        rules.push(anywhere(from_pod));
    }
    rules.extend(choose(family, local, affinity));
    rules
}

fn only_from(family: Family, ranges: &[IpNet], chain: &str) -> Vec<Rule> {
    let allow = |range: &IpNet| {
        let mut steps = vec![Step::Load(Load::SourceAddress, 0)];
        steps.extend(within(0, range, true));
        steps.push(Step::Verdict(Verdict::Goto(chain.to_owned())));
        steps
    };
    let mut rules: Vec<Rule> = of_family(ranges, family).iter().map(allow).collect();
    rules.push(vec![Step::Verdict(Verdict::Drop)]);
    rules
}

/// Sends the connection to one of the backends: the one its client had before, or any.
fn choose(family: Family, backends: &[SocketAddr], affinity: Option<(&str, u32)>) -> Vec<Rule> {
    if backends.is_empty() {
        return vec![vec![Step::Verdict(Verdict::Drop)]];
    }
    let (address, port, client) = (0, family.address_words(), family.address_words() + 1);
    let values: Vec<Vec<u8>> = backends.iter().map(endpoint_bytes).collect();
    let nat = || Step::DestinationNat { address, port };
    let any = || {
        // A list costs the kernel more than a value, and most services have one backend.
        if let [only] = values.as_slice() {
            return vec![Step::Value(address, only.clone())];
        }
        let index = Step::Load(Load::Random(values.len() as u32), client);
        let kind = Datatype::AddressPort;
        vec![
            index,
            Step::Pick {
                values: values.clone(),
                index: client,
                value: address,
                kind,
            },
        ]
    };
    let plain = any().into_iter().chain([nat()]).collect();
    let Some((map, timeout_seconds)) = affinity else {
        return vec![plain];
    };
    let remember = || Step::Remember {
        map: map.to_owned(),
        key: client,
        value: address,
        timeout_seconds,
    };
    let known = vec![
        Step::Load(Load::SourceAddress, client),
        Step::Map {
            map: map.to_owned(),
            key: client,
            value: address,
        },
        Step::Among {
            members: values.clone(),
            key: address,
            kind: Datatype::AddressPort,
        },
        remember(),
        nat(),
    ];
    // Known, but the backend is gone: an update would renew the old value.
    let forget = vec![
        Step::Load(Load::SourceAddress, client),
        Step::Map {
            map: map.to_owned(),
            key: client,
            value: address,
        },
        Step::Forget {
            map: map.to_owned(),
            key: client,
            value: address,
        },
    ];
    let mut learn = any();
    learn.extend([Step::Load(Load::SourceAddress, client), remember(), nat()]);
    // The last rule is for a map that is full.
    vec![known, forget, learn, plain]
}

fn mark_if(mut condition: Rule) -> Rule {
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
fn within(register: u32, range: &IpNet, inside: bool) -> Vec<Step> {
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

fn of_family(ranges: &[IpNet], family: Family) -> Vec<IpNet> {
    ranges
        .iter()
        .filter(|range| Family::of(&range.addr()) == family)
        .copied()
        .collect()
}

fn ip_element(set: &'static str, address: &IpAddr, protocol: Protocol, port: u16) -> ElementKey {
    let mut key = address_bytes(address);
    key.extend(protocol_port(protocol, port));
    ElementKey { set, key }
}

fn port_element(set: &'static str, protocol: Protocol, port: u16) -> ElementKey {
    ElementKey {
        set,
        key: protocol_port(protocol, port).to_vec(),
    }
}

fn hairpin(address: &IpAddr) -> ElementKey {
    ElementKey {
        set: HAIRPINS,
        key: [address_bytes(address), address_bytes(address)].concat(),
    }
}

/// Every field of a key fills whole four-byte registers.
fn protocol_port(protocol: Protocol, port: u16) -> [u8; 8] {
    let [high, low] = port.to_be_bytes();
    [protocol.number(), 0, 0, 0, high, low, 0, 0]
}

fn endpoint_bytes(endpoint: &SocketAddr) -> Vec<u8> {
    let [high, low] = endpoint.port().to_be_bytes();
    [address_bytes(&endpoint.ip()), vec![high, low, 0, 0]].concat()
}

fn address_bytes(address: &IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The kernel compares link names as sixteen bytes.
fn link_name(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(16, 0);
    bytes
}

/// Fragments of one owner by family; most have one.
pub(crate) type Fragments = BTreeMap<Family, Fragment>;
