//! The hands on the machine's network: links, addresses and routes of pods, the pool their addresses come
//! from, and the one nftables table that makes Services reachable. Knows no Kubernetes type: callers translate.
//!
//! Start at [`PodNetwork`] (what the kubelet calls) and [`Firewall`] (what the service proxy calls); [`Bridge`]
//! and [`Nftables`] act on the kernel, [`FakePodNetwork`] and [`FakeFirewall`] remember. Whatever is changed on
//! the host is written to a [`Journal`] first, and [`undo_all`] puts it back.

mod bridge;
mod conntrack;
mod fake;
mod firewall;
mod journal;
mod link;
mod netlink;
mod nft;
mod pod_network;
mod pool;
mod ruleset;
mod sysctl;

pub use bridge::{Bridge, BridgeConfig};
pub use fake::{FakeFirewall, FakePodNetwork};
pub use firewall::{Firewall, FirewallError};
pub use journal::{Change, Journal, JournalError, undo_all};
pub use nft::Nftables;
pub use pod_network::{AttachedPod, NetworkError, PodAddresses, PodAttachment, PodNetwork};
pub use pool::{AddressPool, PoolError};
pub use ruleset::{
    Affinity, ClusterRanges, External, HostPort, Protocol, Ruleset, ServiceChanges, ServicePort,
    ServicePorts,
};
