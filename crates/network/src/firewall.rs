//! The one owner of Sampan's packet rules. The service proxy sets services, the pod network sets host ports; every
//! call is one atomic change of the kernel's rules, or none.

use std::net::IpAddr;

use async_trait::async_trait;

use crate::{HostPort, ServiceChanges};

/// Packet rules as a whole. Object-safe, with a real implementation ([`crate::Nftables`]) and a remembering one
/// ([`crate::FakeFirewall`]).
#[async_trait]
pub trait Firewall: Send + Sync {
    /// Makes these changes to the services; what is not named stays. Until this is called for the first time nothing
    /// is written, so rules of a former run stay in force during a restart; the first call replaces all of them. After
    /// a failure the changes are kept, and the next call, even an empty one, sets everything anew.
    async fn change_services(&self, changes: ServiceChanges) -> Result<(), FirewallError>;
    /// Replaces the host ports of one sandbox; an empty list takes them away.
    async fn set_host_ports(
        &self,
        sandbox_id: &str,
        pod: IpAddr,
        ports: Vec<HostPort>,
    ) -> Result<(), FirewallError>;
    /// Removes every rule.
    async fn flush(&self) -> Result<(), FirewallError>;
}

/// Why packet rules could not be changed; the former rules are then still in force.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// The netlink socket failed.
    #[error("nftables: {operation}: {source}")]
    Socket {
        /// What was tried.
        operation: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The kernel refused one part of the change, and so all of it.
    #[error("nftables refused {object}: {source} (is the kernel built with nftables NAT support?)")]
    Refused {
        /// The part it refused.
        object: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// The kernel did not answer completely.
    #[error("nftables: the kernel's answer is malformed or incomplete: {0}")]
    Answer(&'static str),
    /// The worker that talks to the kernel ended.
    #[error("nftables: the worker thread ended")]
    Worker,
}
