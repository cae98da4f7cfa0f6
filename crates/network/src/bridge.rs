//! The pod network as one bridge of this node.

use std::path::PathBuf;

use ipnet::Ipv4Net;

/// What the bridge network needs to know.
#[derive(Debug, Clone)]
pub struct BridgeConfig {
    /// The bridge's name, `sampan0`.
    pub name: String,
    /// This node's pods (`spec.podCIDR`); the first address is the bridge's own.
    pub pod_range: Ipv4Net,
    /// The cluster's service addresses, routed here so that local processes reach them without a default route.
    pub service_range: Option<Ipv4Net>,
    /// The links' MTU.
    pub mtu: u32,
    /// Where addresses are remembered.
    pub state_dir: PathBuf,
}
