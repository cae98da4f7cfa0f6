//! Implementations that remember instead of acting, for clusters in one process and for callers' tests.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{
    AttachedPod, Firewall, FirewallError, HostPort, NetworkError, PodAddresses, PodAttachment,
    PodNetwork, PoolError, Ruleset, ServiceChanges,
};

/// Remembers attachments and hands out addresses of a /16 in turn; touches nothing.
#[derive(Debug)]
pub struct FakePodNetwork {
    gateway: Ipv4Addr,
    state: Mutex<FakePods>,
}

#[derive(Debug, Default)]
struct FakePods {
    last: u16,
    pods: BTreeMap<String, Ipv4Addr>,
}

impl FakePodNetwork {
    /// A network whose pods live in the /16 of `second_octet` within 10.0.0.0/8; its gateway is the first address.
    pub fn new(second_octet: u8) -> Self {
        Self {
            gateway: Ipv4Addr::new(10, second_octet, 0, 1),
            state: Mutex::new(FakePods {
                last: 1,
                ..Default::default()
            }),
        }
    }

    fn addresses(&self, address: Ipv4Addr) -> PodAddresses {
        PodAddresses {
            addresses: vec![IpAddr::V4(address)],
            gateway: IpAddr::V4(self.gateway),
        }
    }
}

#[async_trait]
impl PodNetwork for FakePodNetwork {
    async fn add(&self, attachment: &PodAttachment) -> Result<PodAddresses, NetworkError> {
        let mut state = self.state.lock();
        if let Some(address) = state.pods.get(&attachment.sandbox_id) {
            return Ok(self.addresses(*address));
        }
        let [a, b, ..] = self.gateway.octets();
        for _ in 0..=u16::MAX {
            state.last = state.last.checked_add(1).unwrap_or(2);
            let [c, d] = state.last.to_be_bytes();
            let address = Ipv4Addr::new(a, b, c, d);
            if state.last != u16::MAX && !state.pods.values().any(|taken| *taken == address) {
                state.pods.insert(attachment.sandbox_id.clone(), address);
                return Ok(self.addresses(address));
            }
        }
        Err(PoolError::Exhausted {
            range: format!("{}/16", self.gateway),
            used: state.pods.len(),
        }
        .into())
    }

    async fn remove(&self, sandbox_id: &str) -> Result<(), NetworkError> {
        self.state.lock().pods.remove(sandbox_id);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<AttachedPod>, NetworkError> {
        let state = self.state.lock();
        let pod = |(id, address): (&String, &Ipv4Addr)| AttachedPod {
            sandbox_id: id.clone(),
            addresses: self.addresses(*address),
        };
        Ok(state.pods.iter().map(pod).collect())
    }

    async fn check(&self, sandbox_id: &str) -> Result<PodAddresses, NetworkError> {
        let state = self.state.lock();
        let address = state
            .pods
            .get(sandbox_id)
            .ok_or_else(|| NetworkError::NotAttached(sandbox_id.to_owned()))?;
        Ok(self.addresses(*address))
    }

    fn gateway(&self) -> IpAddr {
        IpAddr::V4(self.gateway)
    }
}

/// Remembers the last rules.
#[derive(Debug, Default)]
pub struct FakeFirewall {
    rules: watch::Sender<Ruleset>,
}

impl FakeFirewall {
    /// The rules as soon as they satisfy `holds`.
    pub async fn wait(&self, holds: impl Fn(&Ruleset) -> bool) -> Ruleset {
        let mut receiver = self.rules.subscribe();
        // The sender lives in self, so waiting cannot fail.
        match receiver.wait_for(holds).await {
            Ok(rules) => rules.clone(),
            Err(_) => Ruleset::default(),
        }
    }
}

#[async_trait]
impl Firewall for FakeFirewall {
    async fn change_services(&self, changes: ServiceChanges) -> Result<(), FirewallError> {
        self.rules.send_modify(|rules| {
            for (name, port) in changes {
                match port {
                    Some(port) => rules.services.insert(name, port),
                    None => rules.services.remove(&name),
                };
            }
        });
        Ok(())
    }

    async fn set_host_ports(
        &self,
        sandbox_id: &str,
        pod: IpAddr,
        ports: Vec<HostPort>,
    ) -> Result<(), FirewallError> {
        self.rules.send_modify(|rules| {
            if ports.is_empty() {
                rules.host_ports.remove(sandbox_id);
            } else {
                rules.host_ports.insert(sandbox_id.to_owned(), (pod, ports));
            }
        });
        Ok(())
    }

    async fn flush(&self) -> Result<(), FirewallError> {
        self.rules.send_replace(Ruleset::default());
        Ok(())
    }
}
