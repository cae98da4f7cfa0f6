//! What the kubelet asks of the pod network: attach a sandbox, detach it, say who is attached. Object-safe, with
//! a real implementation ([`crate::Bridge`]) and a remembering one ([`crate::FakePodNetwork`]).

use std::net::IpAddr;
use std::path::PathBuf;

use async_trait::async_trait;

use crate::{FirewallError, HostPort, JournalError, PoolError};

/// A sandbox that wants to be on the pod network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodAttachment {
    /// Names the attachment: unique on this node, the same in `add`, `check` and `remove`.
    pub sandbox_id: String,
    /// The sandbox's network namespace, as a path that stays valid while it is attached
    /// (`/run/netns/…` or `/proc/PID/ns/net`).
    pub netns: PathBuf,
    /// What the pod is called in messages and in the link's alias.
    pub hostname: String,
    /// Ports of the node that lead to this pod.
    pub host_ports: Vec<HostPort>,
}

/// Where a pod can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodAddresses {
    /// The pod's addresses, the first is its main one (`status.podIP`).
    pub addresses: Vec<IpAddr>,
    /// The pod's default gateway: an address of this node.
    pub gateway: IpAddr,
}

/// One sandbox that holds addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedPod {
    /// The name it was added under.
    pub sandbox_id: String,
    /// What it was given.
    pub addresses: PodAddresses,
}

/// The network pods are attached to. Every method may be repeated: `add` of an attached sandbox answers with the
/// addresses it already has (and repairs its link), `remove` of an unknown one succeeds.
#[async_trait]
pub trait PodNetwork: Send + Sync {
    /// Gives the sandbox `lo`, `eth0`, an address and a default route.
    async fn add(&self, attachment: &PodAttachment) -> Result<PodAddresses, NetworkError>;
    /// Takes link, address and host ports away again; the namespace itself may be gone already.
    async fn remove(&self, sandbox_id: &str) -> Result<(), NetworkError>;
    /// Every sandbox that holds addresses, by sandbox id.
    async fn list(&self) -> Result<Vec<AttachedPod>, NetworkError>;
    /// The addresses of an attached sandbox, or why its attachment is not whole.
    async fn check(&self, sandbox_id: &str) -> Result<PodAddresses, NetworkError>;
    /// The node's own address on the pod network: pods' gateway, known once the network is set up.
    fn gateway(&self) -> IpAddr;
}

/// Why the pod network could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The kernel refused a link, address or route.
    #[error("{operation} {object}: {source}")]
    Link {
        /// What was tried.
        operation: &'static str,
        /// On what.
        object: String,
        /// The kernel's answer.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The sandbox's namespace cannot be used.
    #[error("network namespace {path} of sandbox {sandbox_id}: {source}")]
    Namespace {
        /// Whose.
        sandbox_id: String,
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The sandbox holds no addresses.
    #[error("sandbox {0} is not attached to the pod network")]
    NotAttached(String),
    /// The sandbox holds addresses but its link is gone or down.
    #[error("sandbox {sandbox_id}: {missing}")]
    Broken {
        /// Whose.
        sandbox_id: String,
        /// What is missing.
        missing: String,
    },
    /// A kernel setting could not be read or written.
    #[error("kernel setting {path}: {source}")]
    Sysctl {
        /// Below /proc/sys.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// No address could be handed out or taken back.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The change could not be written down, so it was not made.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The pod's host ports could not be set.
    #[error(transparent)]
    Firewall(#[from] FirewallError),
}
