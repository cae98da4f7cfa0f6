//! How the parts are connected: in-process transports with an identity each, addresses derived from ranges.

use apiserver::{Door, User};
use client::Client;
use http_body_util::BodyExt as _;
use ipnet::Ipv4Net;
use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

/// The link that pods hang on.
pub(crate) const BRIDGE: &str = "sampan0";

/// Components that run in this process and act under upstream's names.
pub(crate) const COMPONENTS: &[&str] = &[
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "system:kube-proxy",
    "system:kube-dns",
    "system:sampan",
];

/// A client whose transport is a function call into the door, as `user`.
pub(crate) fn client(door: &Arc<Door>, user: &User, manager: &'static str) -> Client {
    let (door, user) = (Arc::clone(door), user.clone());
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (door, user) = (Arc::clone(&door), user.clone());
        async move {
            let mut request = request.map(|body| body.map_err(Into::into).boxed_unsync());
            request.extensions_mut().insert(user);
            Ok::<_, Infallible>(door.handle(request).await)
        }
    });
    Client::new(kube::Client::new(service, "default"), manager)
}

/// The `n`th address of a range.
pub(crate) fn nth(range: Ipv4Net, n: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(range.network()).saturating_add(n))
}

/// The node's part of the cluster's pod range: its first 256 addresses' network, as a single node takes it.
pub(crate) fn node_pod_range(cluster: Ipv4Net) -> Ipv4Net {
    Ipv4Net::new(cluster.network(), cluster.prefix_len().max(24)).unwrap_or(cluster)
}

/// The first address of this machine that others could reach: what a packet to a public address would be sent from.
/// Connecting a UDP socket asks the routing table and sends nothing.
pub(crate) fn own_address() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// The host's name, in the form of a node's.
pub(crate) fn host_name() -> String {
    let name = nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "localhost".to_owned());
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_ranges() {
        let range: Ipv4Net = "10.43.0.0/16".parse().unwrap();
        assert_eq!(nth(range, 10), Ipv4Addr::new(10, 43, 0, 10));
        assert_eq!(
            node_pod_range("10.42.0.0/16".parse().unwrap()).to_string(),
            "10.42.0.0/24"
        );
        assert_eq!(
            node_pod_range("10.42.7.0/26".parse().unwrap()).to_string(),
            "10.42.7.0/26"
        );
    }
}
