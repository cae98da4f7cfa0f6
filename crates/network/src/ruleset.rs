//! What the firewall should do, as data: service ports with their addresses and backends, host ports of pods, and
//! the ranges that decide about masquerading. Pure; [`crate::Nftables`] turns it into the kernel's rules.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A transport protocol a Service can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// The IANA protocol number.
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }

    /// The name in lower case, as nftables and chain names spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// A port of the node that leads to a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPort {
    /// Only this address of the node; every address when absent.
    pub host_ip: Option<IpAddr>,
    /// The port on the node.
    pub host_port: u16,
    /// The port in the pod.
    pub pod_port: u16,
    /// Of which protocol.
    pub protocol: Protocol,
}

/// Address ranges of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterRanges {
    /// Where pods live (all nodes); leaving it for elsewhere masquerades.
    pub pods: Vec<IpNet>,
    /// Where service addresses live; what no service answers for in here is rejected.
    pub services: Vec<IpNet>,
    /// The link pods hang on; packets from it to loopback addresses are dropped.
    pub bridge: String,
}

/// Clients that return within the timeout meet the same backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Affinity {
    /// `sessionAffinityConfig.clientIP.timeoutSeconds`.
    pub timeout_seconds: u32,
}

/// How a service port is reached from outside the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct External {
    /// A port on every address of the node.
    pub node_port: Option<u16>,
    /// `spec.externalIPs`.
    pub addresses: Vec<IpAddr>,
    /// `status.loadBalancer.ingress` with `ipMode: VIP`.
    pub load_balancer: Vec<IpAddr>,
    /// `externalTrafficPolicy: Local`: only backends of this node, the client's address kept.
    pub local_only: bool,
    /// `loadBalancerSourceRanges`: who may use the load-balancer addresses; empty allows everybody.
    pub source_ranges: Vec<IpNet>,
}

/// One port of one service in one address family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// Of which protocol.
    pub protocol: Protocol,
    /// The service's own address; its family is the family of everything here.
    pub cluster_ip: IpAddr,
    /// The service's own port.
    pub port: u16,
    /// Where connections that may go anywhere go, of the same family.
    pub backends: Vec<SocketAddr>,
    /// Where connections that must stay on this node go: its own backends.
    pub local_backends: Vec<SocketAddr>,
    /// `internalTrafficPolicy: Local`: from within the cluster only backends of this node.
    pub internal_local_only: bool,
    /// How it is reached from outside, if it is.
    pub external: External,
    /// Stickiness, if asked for.
    pub affinity: Option<Affinity>,
}

/// All service ports by a stable readable name (`namespace/service/tcp/port-name`, with `/v6` for the second family).
pub type ServicePorts = BTreeMap<String, Arc<ServicePort>>;

/// What service ports become, by name; nothing takes one away.
pub type ServiceChanges = BTreeMap<String, Option<Arc<ServicePort>>>;

/// Everything the firewall should do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// The cluster's ranges.
    pub ranges: ClusterRanges,
    /// Service ports by name.
    pub services: ServicePorts,
    /// Host ports and the pod address they lead to, by sandbox id.
    pub host_ports: BTreeMap<String, (IpAddr, Vec<HostPort>)>,
}
