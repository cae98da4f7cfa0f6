//! Implementations that remember instead of acting, for clusters in one process and for callers' tests.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::{
    AttachedPod, Firewall, FirewallError, HostPort, NetworkError, PodAddresses, PodAttachment,
    PodNetwork, PoolError, Ruleset, ServicePorts,
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

/// Remembers the last rules and how often they were set.
#[derive(Debug, Default)]
pub struct FakeFirewall {
    state: Mutex<(Ruleset, u64)>,
}

impl FakeFirewall {
    /// The rules in force.
    pub fn ruleset(&self) -> Ruleset {
        self.state.lock().0.clone()
    }

    /// How many times services were set.
    pub fn generation(&self) -> u64 {
        self.state.lock().1
    }
}

#[async_trait]
impl Firewall for FakeFirewall {
    async fn set_services(&self, services: ServicePorts) -> Result<(), FirewallError> {
        let mut state = self.state.lock();
        state.0.services = services;
        state.1 += 1;
        Ok(())
    }

    async fn set_host_ports(
        &self,
        sandbox_id: &str,
        pod: IpAddr,
        ports: Vec<HostPort>,
    ) -> Result<(), FirewallError> {
        let mut state = self.state.lock();
        if ports.is_empty() {
            state.0.host_ports.remove(sandbox_id);
        } else {
            state
                .0
                .host_ports
                .insert(sandbox_id.to_owned(), (pod, ports));
        }
        Ok(())
    }

    async fn flush(&self) -> Result<(), FirewallError> {
        self.state.lock().0 = Ruleset::default();
        Ok(())
    }
}
