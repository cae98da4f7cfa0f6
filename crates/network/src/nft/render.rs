//! From services and host ports to rules and map elements. Pure. One service port becomes a few chains of its own and
//! one element in each map that leads to them, so changing a service touches nothing of any other.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::matching::{
    LOCAL_KIND, NODE_PORTS, REFUSED_IPS, REFUSED_NODE_PORTS, SERVICE_IPS, endpoint_bytes, hairpin,
    ip_element, mark_if, of_family, port_element, within,
};
use super::rule::{Chain, Datatype, Family, Fragment, Load, Rule, SetKind, Step, Value, Verdict};
use crate::{HostPort, ServicePort};

/// Services with more backends use a list.
const MOST_RULES: usize = 8;

/// Fragments of one owner by family; most have one.
pub(crate) type Fragments = BTreeMap<Family, Fragment>;

/// One service port of its family.
pub(crate) fn service(name: &str, port: &ServicePort, pods: &[IpNet]) -> Fragment {
    let family = Family::of(&port.cluster_ip);
    let list = |backends: &[SocketAddr]| Backends {
        endpoints: backends
            .iter()
            .filter(|backend| Family::of(&backend.ip()) == family)
            .copied()
            .collect(),
    };
    let writer = Writer {
        name,
        port,
        family,
        all: list(&port.backends),
        local: list(&port.local_backends),
        fragment: Fragment::default(),
    };
    if writer.all.endpoints.is_empty() && writer.local.endpoints.is_empty() {
        return writer.refused();
    }
    writer.served(&of_family(pods, family))
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
        let mut rules = vec![mark_if(from_node())];
        let backend = Backends {
            endpoints: vec![SocketAddr::new(pod, port.pod_port)],
        };
        rules.extend(backend.choose(family, None));
        fragment
            .chains
            .insert(name.clone(), Chain { hook: None, rules });
        let key = match only {
            Some(address) => ip_element(SERVICE_IPS, &address, port.protocol, port.host_port),
            None => port_element(NODE_PORTS, port.protocol, port.host_port),
        };
        fragment.elements.insert(key, goto(&name));
        fragment.elements.insert(hairpin(&pod), Value::Member);
    }
    fragment
}

/// One service port while it is written.
struct Writer<'a> {
    name: &'a str,
    port: &'a ServicePort,
    family: Family,
    all: Backends,
    local: Backends,
    fragment: Fragment,
}

/// What a connection can be sent to.
struct Backends {
    endpoints: Vec<SocketAddr>,
}

/// A sticky service's map and how long it remembers.
type Sticky<'a> = Option<(&'a str, u32)>;

impl Writer<'_> {
    fn refused(mut self) -> Fragment {
        let external = &self.port.external;
        for address in [&self.port.cluster_ip]
            .into_iter()
            .chain(&external.addresses)
            .chain(&external.load_balancer)
        {
            let key = ip_element(REFUSED_IPS, address, self.port.protocol, self.port.port);
            self.fragment.elements.insert(key, goto("reject"));
        }
        if let Some(node_port) = external.node_port {
            let key = port_element(REFUSED_NODE_PORTS, self.port.protocol, node_port);
            self.fragment.elements.insert(key, goto("reject"));
        }
        self.fragment
    }

    fn served(mut self, pods: &[IpNet]) -> Fragment {
        let map = format!("sticky-{}", self.name);
        let sticky = self
            .port
            .affinity
            .map(|affinity| (map.as_str(), affinity.timeout_seconds));
        if sticky.is_some() {
            let kind = SetKind {
                key: Datatype::Address,
                value: Some(Datatype::AddressPort),
                dynamic: true,
            };
            self.fragment.sets.insert(map.clone(), kind);
        }
        let inside = format!("service-{}", self.name);
        let backends = if self.port.internal_local_only {
            &self.local
        } else {
            &self.all
        };
        let rules = backends.choose(self.family, sticky);
        self.chain(&inside, rules);
        self.lead(self.port.cluster_ip, &inside);
        self.expose(pods, sticky);
        let is_local_asked = self.port.internal_local_only || self.port.external.local_only;
        for backends in [Some(&self.all), is_local_asked.then_some(&self.local)]
            .into_iter()
            .flatten()
        {
            self.fragment.elements.extend(
                backends
                    .endpoints
                    .iter()
                    .map(|e| (hairpin(&e.ip()), Value::Member)),
            );
        }
        self.fragment
    }

    fn expose(&mut self, pods: &[IpNet], sticky: Sticky<'_>) {
        let external = &self.port.external;
        let (outside, guarded) = (
            format!("external-{}", self.name),
            format!("guarded-{}", self.name),
        );
        if external.node_port.is_some()
            || !external.addresses.is_empty()
            || !external.load_balancer.is_empty()
        {
            let rules = self.outside_rules(pods, sticky);
            self.chain(&outside, rules);
        }
        for address in &external.addresses {
            self.lead(*address, &outside);
        }
        let is_guarded = !external.source_ranges.is_empty() && !external.load_balancer.is_empty();
        if is_guarded {
            self.chain(
                &guarded,
                only_from(self.family, &external.source_ranges, &outside),
            );
        }
        for address in &external.load_balancer {
            self.lead(*address, if is_guarded { &guarded } else { &outside });
        }
        if let Some(node_port) = external.node_port {
            let key = port_element(NODE_PORTS, self.port.protocol, node_port);
            self.fragment.elements.insert(key, goto(&outside));
        }
    }

    /// Node ports, external and load-balancer addresses.
    fn outside_rules(&self, pods: &[IpNet], sticky: Sticky<'_>) -> Vec<Rule> {
        if !self.port.external.local_only {
            let mut rules = vec![mark_if(Vec::new())];
            rules.extend(self.all.choose(self.family, sticky));
            return rules;
        }
        // Local policy is a promise to clients from elsewhere; this node's processes and the cluster's pods go anywhere.
        let anywhere = |condition: Rule| {
            let rules = self.all.choose(self.family, None).into_iter();
            rules.map(move |rule| [condition.clone(), rule].concat())
        };
        let mut rules = vec![mark_if(from_node())];
        rules.extend(anywhere(from_node()));
        for range in pods {
            let mut from_pod = vec![Step::Load(Load::SourceAddress, 0)];
            from_pod.extend(within(0, range, true));
            rules.extend(anywhere(from_pod));
        }
        rules.extend(self.local.choose(self.family, sticky));
        rules
    }

    fn chain(&mut self, name: &str, rules: Vec<Rule>) {
        self.fragment
            .chains
            .insert(name.to_owned(), Chain { hook: None, rules });
    }

    fn lead(&mut self, address: IpAddr, chain: &str) {
        if Family::of(&address) == self.family {
            let key = ip_element(SERVICE_IPS, &address, self.port.protocol, self.port.port);
            self.fragment
                .elements
                .entry(key)
                .or_insert_with(|| goto(chain));
        }
    }
}

impl Backends {
    /// Sends the connection to one of them: the one its client had before, or any.
    fn choose(&self, family: Family, sticky: Sticky<'_>) -> Vec<Rule> {
        if self.endpoints.is_empty() {
            return vec![vec![Step::Verdict(Verdict::Drop)]];
        }
        let (address, port, client) = (0, family.address_words(), family.address_words() + 1);
        let nat = || Step::DestinationNat { address, port };
        let ending = |steps: &dyn Fn() -> Rule| {
            let rules = self.any(address, client).into_iter();
            rules
                .map(|rule| [rule, steps()].concat())
                .collect::<Vec<Rule>>()
        };
        let plain = ending(&|| vec![nat()]);
        let Some((map, timeout_seconds)) = sticky else {
            return plain;
        };
        let remember = || Step::Remember {
            map: map.to_owned(),
            key: client,
            value: address,
            timeout_seconds,
        };
        let former = || {
            let recall = Step::Map {
                map: map.to_owned(),
                key: client,
                value: address,
            };
            vec![Step::Load(Load::SourceAddress, client), recall]
        };
        let mut known = former();
        let members = self.endpoints.iter().map(endpoint_bytes).collect();
        known.extend([
            Step::Among {
                members,
                key: address,
                kind: Datatype::AddressPort,
            },
            remember(),
            nat(),
        ]);
        // Known, but the backend is gone: an update would renew the old value.
        let mut forget = former();
        forget.push(Step::Forget {
            map: map.to_owned(),
            key: client,
            value: address,
        });
        let learn = ending(&|| vec![Step::Load(Load::SourceAddress, client), remember(), nat()]);
        // The last rules are for a map that is full.
        [vec![known, forget], learn, plain].concat()
    }

    /// Beginnings of rules that between them load one endpoint, each as likely. A few are told apart by a rule each,
    /// because the kernel finds a list by walking all lists there are; many by a list.
    fn any(&self, address: u32, index: u32) -> Vec<Rule> {
        let values: Vec<_> = self.endpoints.iter().map(endpoint_bytes).collect();
        let count = values.len();
        if count > MOST_RULES {
            let random = Step::Load(Load::Random(count as u32), index);
            return vec![vec![
                random,
                Step::Pick {
                    values,
                    index,
                    value: address,
                    kind: Datatype::AddressPort,
                },
            ]];
        }
        let rule = |(position, value)| {
            let load = Step::Value(address, value);
            match (count - position) as u32 {
                1 => vec![load],
                left => vec![
                    Step::Load(Load::Random(left), index),
                    Step::Equal(index, vec![0; 4]),
                    load,
                ],
            }
        };
        values.into_iter().enumerate().map(rule).collect()
    }
}

fn goto(chain: &str) -> Value {
    Value::Verdict(Verdict::Goto(chain.to_owned()))
}

fn from_node() -> Rule {
    vec![
        Step::Load(Load::SourceKind, 0),
        Step::Equal(0, LOCAL_KIND.to_ne_bytes().to_vec()),
    ]
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
