//! The part of a table that is there whatever services exist.
//!
//! How a connection travels: `services` (before routing, and for local processes before their packet leaves) looks
//! address, protocol and port up in `service-ips`, then the port alone in `service-node-ports` if the address is one
//! of this node's. The element's chain picks a backend. `postrouting` masquerades what was marked, what would meet
//! itself, and what leaves the pods' ranges. What nobody answers for is rejected in the filter hooks.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::matching::{
    HAIRPINS, LOCAL_KIND, MASQUERADE_MARK, NODE_PORTS, REFUSED_IPS, REFUSED_NODE_PORTS,
    SERVICE_IPS, STATE_NEW, link_name, mark_if, of_family, within,
};
use super::rule::{
    Chain, Datatype, Family, Fragment, Hook, HookPoint, Load, Rule, SetKind, Step, Verdict,
};
use crate::ClusterRanges;

const NAT_BEFORE: i32 = -100;
const NAT_AFTER: i32 = 100;
const RAW: i32 = -300;
const FILTER: i32 = 0;

/// The chains and maps every table has.
pub(crate) fn frame(family: Family, ranges: &ClusterRanges) -> Fragment {
    let pods = of_family(&ranges.pods, family);
    let services = of_family(&ranges.services, family);
    let mut fragment = Fragment {
        sets: sets(),
        ..Fragment::default()
    };
    let mut chain = |name: &str, hook: Option<(&'static str, HookPoint, i32)>, rules| {
        let hook = hook.map(|(kind, hook, priority)| Hook {
            kind,
            hook,
            priority,
        });
        fragment
            .chains
            .insert(name.to_owned(), Chain { hook, rules });
    };
    let to_services = || vec![vec![Step::Verdict(Verdict::Jump("services".to_owned()))]];
    chain(
        "prerouting",
        Some(("nat", HookPoint::Prerouting, NAT_BEFORE)),
        to_services(),
    );
    chain(
        "output",
        Some(("nat", HookPoint::Output, NAT_BEFORE)),
        to_services(),
    );
    let leaving = postrouting(family, ranges, &pods, &services);
    chain(
        "postrouting",
        Some(("nat", HookPoint::Postrouting, NAT_AFTER)),
        leaving,
    );
    for (name, hook) in [
        ("filter-input", HookPoint::Input),
        ("filter-forward", HookPoint::Forward),
        ("filter-output", HookPoint::Output),
    ] {
        chain(name, Some(("filter", hook, FILTER)), vec![judge_new()]);
    }
    if family == Family::V4 && !ranges.bridge.is_empty() {
        let rules = vec![keep_from_loopback(&ranges.bridge)];
        chain(
            "raw-prerouting",
            Some(("filter", HookPoint::Prerouting, RAW)),
            rules,
        );
    }
    chain("services", None, service_lookup(family, &pods, &services));
    chain("refused", None, refusals(family, &services));
    chain("reject", None, vec![vec![Step::Reject]]);
    fragment
}

fn sets() -> BTreeMap<String, SetKind> {
    let verdicts = |key| SetKind {
        key,
        value: Some(Datatype::Verdict),
        dynamic: false,
    };
    let pairs = SetKind {
        key: Datatype::AddressPair,
        value: None,
        dynamic: false,
    };
    let kinds = [
        (SERVICE_IPS, verdicts(Datatype::AddressProtocolPort)),
        (NODE_PORTS, verdicts(Datatype::ProtocolPort)),
        (REFUSED_IPS, verdicts(Datatype::AddressProtocolPort)),
        (REFUSED_NODE_PORTS, verdicts(Datatype::ProtocolPort)),
        (HAIRPINS, pairs),
    ];
    kinds
        .into_iter()
        .map(|(name, kind)| (name.to_owned(), kind))
        .collect()
}

/// Only first packets are judged: what is under way was let through.
fn judge_new() -> Rule {
    let state = STATE_NEW.to_ne_bytes().to_vec();
    vec![
        Step::Load(Load::ConnectionState, 0),
        Step::Mask {
            register: 0,
            mask: state,
            flip: vec![0; 4],
        },
        Step::NotEqual(0, vec![0; 4]),
        Step::Verdict(Verdict::Jump("refused".to_owned())),
    ]
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
