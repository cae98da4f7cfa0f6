//! What a door is made of.

use crate::{NodeDialer, Tokens, admission::Admit, authn::Authenticate, authz::Authorize};
use ipnet::IpNet;
use std::{net::IpAddr, sync::Arc};
use stdx::{clock::Clock, random::Random};
use store::Store;

/// Names of parts and what is wrong with each, if anything; asked whenever somebody wants to know.
pub type Parts = Arc<dyn Fn() -> Vec<(&'static str, Option<String>)> + Send + Sync>;

/// The parts of a door. Each is a seam with a fake for tests.
pub struct Config {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Clock,
    /// UIDs and name suffixes.
    pub random: Random,
    /// Asked in order for who sends a request; in-process callers bring their identity.
    pub authenticators: Vec<Arc<dyn Authenticate>>,
    /// Who may do what.
    pub authorizer: Arc<dyn Authorize>,
    /// Mutates in list order, then judges. [`crate::admission::standard`] is the usual list.
    pub admission: Vec<Arc<dyn Admit>>,
    /// Signs service-account tokens; without it `serviceaccounts/token` answers 404.
    pub tokens: Option<Arc<Tokens>>,
    /// How nodes and pods are reached for logs, exec and proxies.
    pub dialer: Option<Arc<dyn NodeDialer>>,
    /// Whether discovery and OpenAPI tell of versions that Kubernetes no longer serves.
    pub advertise_removed_apis: bool,
    /// The parts of the control plane beside the door, and how they are.
    pub parts: Parts,
    /// Where Services live, and where the door itself is reached.
    pub network: ServiceNetwork,
}

/// Addresses of Services and of the door.
#[derive(Clone, Debug)]
pub struct ServiceNetwork {
    /// `10.43.0.0/16`; the first address is that of the `kubernetes` Service.
    pub service_cidrs: Vec<IpNet>,
    /// Ports of NodePort Services, inclusive.
    pub node_ports: (u16, u16),
    /// Where clients outside reach the door.
    pub advertise_address: IpAddr,
    /// Its port.
    pub port: u16,
}
