//! The pod network of this node: one bridge that holds the pods' gateway address, and a veth pair for every pod.
//!
//! A pod's address is a /32 with the gateway as its only neighbour, so every packet between pods passes the node's
//! routing and its packet rules, whether or not the kernel shows bridged packets to the packet filter. A pod that
//! meets itself or its neighbour through a service address therefore always sees its answer translated back.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use ipnet::{IpNet, Ipv4Net};
use parking_lot::Mutex;

use crate::link::{self, Links};
use crate::{
    AddressPool, AttachedPod, Change, Firewall, Journal, NetworkError, PodAddresses, PodAttachment,
    PodNetwork, sysctl,
};

/// Host ends of pod links are named so, followed by twelve hexadecimal digits.
const LINK_PREFIX: &str = "smp";
/// The bridge's own hardware address: fixed, because a bridge otherwise changes it with its ports.
const BRIDGE_MAC: [u8; 6] = [0x0a, 0x58, 0x0a, 0x2a, 0x00, 0x01];

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
    /// Where addresses are remembered; must exist.
    pub state_dir: PathBuf,
}

/// The real pod network.
pub struct Bridge {
    config: BridgeConfig,
    gateway: Ipv4Addr,
    journal: Arc<Journal>,
    firewall: Arc<dyn Firewall>,
    pool: Arc<Mutex<AddressPool>>,
}

impl Bridge {
    /// Makes the bridge, its address, the service route and the forwarding settings where they are missing, noting
    /// each in the journal first. Repeating it after a restart changes nothing.
    pub async fn set_up(
        config: BridgeConfig,
        journal: Arc<Journal>,
        firewall: Arc<dyn Firewall>,
    ) -> Result<Self, NetworkError> {
        let gateway = Ipv4Addr::from(u32::from(config.pod_range.network()) + 1);
        let path = config.state_dir.join("pod-addresses.json");
        let pool = AddressPool::open(&path, IpNet::V4(config.pod_range), &[IpAddr::V4(gateway)])?;
        let (settings, notes) = (config.clone(), Arc::clone(&journal));
        blocking(move || set_up_host(&settings, gateway, &notes)).await?;
        Ok(Self {
            config,
            gateway,
            journal,
            firewall,
            pool: Arc::new(Mutex::new(pool)),
        })
    }

    fn addresses(&self, address: IpAddr) -> PodAddresses {
        PodAddresses {
            addresses: vec![address],
            gateway: IpAddr::V4(self.gateway),
        }
    }
}

#[async_trait]
impl PodNetwork for Bridge {
    async fn add(&self, attachment: &PodAttachment) -> Result<PodAddresses, NetworkError> {
        let address = self.pool.lock().acquire(&attachment.sandbox_id)?;
        self.journal.note(Change::PodLinks {
            prefix: LINK_PREFIX.to_owned(),
        })?;
        if let IpAddr::V4(address) = address {
            let (config, gateway, attachment) =
                (self.config.clone(), self.gateway, attachment.clone());
            blocking(move || attach(&config, gateway, &attachment, address)).await?;
        }
        self.firewall
            .set_host_ports(
                &attachment.sandbox_id,
                address,
                attachment.host_ports.clone(),
            )
            .await?;
        Ok(self.addresses(address))
    }

    async fn remove(&self, sandbox_id: &str) -> Result<(), NetworkError> {
        let Some(address) = self.pool.lock().holding(sandbox_id) else {
            return Ok(());
        };
        self.firewall
            .set_host_ports(sandbox_id, address, Vec::new())
            .await?;
        let name = link_name(sandbox_id);
        blocking(move || {
            let deleted = Links::open().and_then(|links| links.delete(&name));
            deleted.map_err(|error| failed("deleting link", &name, error))
        })
        .await?;
        // Last, so that nobody is given an address another link still answers for.
        self.pool.lock().release(sandbox_id)?;
        Ok(())
    }

    async fn list(&self) -> Result<Vec<AttachedPod>, NetworkError> {
        let pool = self.pool.lock();
        let pod = |(id, address): (&str, IpAddr)| AttachedPod {
            sandbox_id: id.to_owned(),
            addresses: self.addresses(address),
        };
        Ok(pool.holders().map(pod).collect())
    }

    async fn check(&self, sandbox_id: &str) -> Result<PodAddresses, NetworkError> {
        let held = self.pool.lock().holding(sandbox_id);
        let address = held.ok_or_else(|| NetworkError::NotAttached(sandbox_id.to_owned()))?;
        let (name, bridge, id) = (
            link_name(sandbox_id),
            self.config.name.clone(),
            sandbox_id.to_owned(),
        );
        blocking(move || check_link(&name, &bridge, id)).await?;
        Ok(self.addresses(address))
    }

    fn gateway(&self) -> IpAddr {
        IpAddr::V4(self.gateway)
    }
}

fn set_up_host(
    config: &BridgeConfig,
    gateway: Ipv4Addr,
    journal: &Journal,
) -> Result<(), NetworkError> {
    let name = config.name.as_str();
    forward_packets(journal)?;
    journal.note(Change::Link {
        name: name.to_owned(),
    })?;
    let step = |operation, result: std::io::Result<()>| {
        result.map_err(|error| failed(operation, name, error))
    };
    let links = Links::open().map_err(|error| failed("opening netlink for", name, error))?;
    if links
        .find(name)
        .map_err(|error| failed("looking for link", name, error))?
        .is_none()
    {
        step(
            "adding bridge",
            links.add_bridge(name, config.mtu, BRIDGE_MAC),
        )?;
    }
    step("setting up link", links.set_up(name))?;
    let whole = Ipv4Net::new(gateway, config.pod_range.prefix_len()).unwrap_or(config.pod_range);
    step(
        "adding the gateway address to",
        links.add_address(name, whole),
    )?;
    if let Some(services) = config.service_range {
        step(
            "routing services to",
            links.add_route(name, services, None, Some(gateway)),
        )?;
    }
    // Pods' only way to each other is the gateway; telling them of shorter ones would also use up the allowance for
    // telling them that nobody is there. The kernel sends redirects if either setting says so; other links have
    // their own.
    change(journal, "net/ipv4/conf/all/send_redirects", "0")?;
    set(&format!("net/ipv4/conf/{name}/send_redirects"), "0")?;
    // Lets a process of the node reach a node port on 127.0.0.1; the packet rules keep pods from doing so.
    set(&format!("net/ipv4/conf/{name}/route_localnet"), "1")
}

/// Turns IPv4 forwarding on, first noting everything the kernel changes along with it.
fn forward_packets(journal: &Journal) -> Result<(), NetworkError> {
    let broken = |path: &str, source| NetworkError::Sysctl {
        path: path.to_owned(),
        source,
    };
    let switch = "net/ipv4/ip_forward";
    if sysctl::read(switch).map_err(|error| broken(switch, error))? == "1" {
        return Ok(());
    }
    for path in sysctl::forwarding_settings().map_err(|error| broken("net/ipv4/conf", error))? {
        let former = sysctl::read(&path).map_err(|error| broken(&path, error))?;
        journal.note(Change::Sysctl { path, former })?;
    }
    set(switch, "1")
}

/// Sets a setting of the host, noting the former value, unless it has the value already.
fn change(journal: &Journal, path: &str, value: &str) -> Result<(), NetworkError> {
    let former = sysctl::read(path).map_err(|source| NetworkError::Sysctl {
        path: path.to_owned(),
        source,
    })?;
    if former == value {
        return Ok(());
    }
    journal.note(Change::Sysctl {
        path: path.to_owned(),
        former,
    })?;
    set(path, value)
}

fn set(path: &str, value: &str) -> Result<(), NetworkError> {
    sysctl::write(path, value).map_err(|source| NetworkError::Sysctl {
        path: path.to_owned(),
        source,
    })
}

/// Gives the namespace its end of a pair whose other end hangs on the bridge. What is already there stays.
fn attach(
    config: &BridgeConfig,
    gateway: Ipv4Addr,
    pod: &PodAttachment,
    address: Ipv4Addr,
) -> Result<(), NetworkError> {
    let refused = |source| NetworkError::Namespace {
        sandbox_id: pod.sandbox_id.clone(),
        path: pod.netns.clone(),
        source,
    };
    let namespace = link::open_namespace(&pod.netns).map_err(refused)?;
    let name = link_name(&pod.sandbox_id);
    let has_link = link::in_namespace(&namespace, || Ok(Links::open()?.find("eth0")?.is_some()))
        .map_err(refused)?;
    let links = Links::open().map_err(|error| failed("opening netlink for", &name, error))?;
    if !has_link {
        // Left over from a namespace that was replaced under the same name.
        links
            .delete(&name)
            .map_err(|error| failed("deleting link", &name, error))?;
        let made = links.add_veth(&name, &pod.hostname, "eth0", &namespace, config.mtu);
        made.map_err(|error| failed("adding link", &name, error))?;
    }
    links
        .enslave(&name, &config.name)
        .map_err(|error| failed("adding to the bridge", &name, error))?;
    link::in_namespace(&namespace, || configure_inside(gateway, address)).map_err(refused)
}

fn configure_inside(gateway: Ipv4Addr, address: Ipv4Addr) -> std::io::Result<()> {
    let links = Links::open()?;
    links.set_up("lo")?;
    // The gateway would point out shorter ways between pods that lead around its packet rules.
    for scope in ["all", "eth0"] {
        sysctl::write(&format!("net/ipv4/conf/{scope}/accept_redirects"), "0")?;
    }
    links.add_address("eth0", Ipv4Net::from(address))?;
    links.set_up("eth0")?;
    links.add_route("eth0", Ipv4Net::from(gateway), None, Some(address))?;
    links.add_route("eth0", Ipv4Net::default(), Some(gateway), None)
}

fn check_link(name: &str, bridge: &str, sandbox_id: String) -> Result<(), NetworkError> {
    let links = Links::open()
        .and_then(|links| links.list())
        .map_err(|error| failed("listing", "links", error))?;
    let index = links
        .iter()
        .find(|link| link.name == bridge)
        .map(|link| link.index);
    let missing = match links.iter().find(|link| link.name == name) {
        None => format!("link {name} is gone"),
        Some(link) if !link.up => format!("link {name} is down"),
        Some(link) if link.master.is_none() || link.master != index => {
            format!("link {name} is not on {bridge}")
        }
        Some(_) => return Ok(()),
    };
    Err(NetworkError::Broken {
        sandbox_id,
        missing,
    })
}

/// Link names have fifteen characters: a hash, so that any sandbox name will do.
fn link_name(sandbox_id: &str) -> String {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = sandbox_id.bytes().fold(0xcbf2_9ce4_8422_2325, fold);
    format!("{LINK_PREFIX}{:012x}", hash >> 16)
}

fn failed(operation: &'static str, object: &str, source: std::io::Error) -> NetworkError {
    NetworkError::Link {
        operation,
        object: object.to_owned(),
        source: source.into(),
    }
}

/// Netlink answers within microseconds, but the kernel's link lock can be held for long by others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NetworkError> + Send + 'static,
) -> Result<T, NetworkError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(ended) => Err(failed(
            "running",
            "the network worker",
            std::io::Error::other(ended),
        )),
    }
}
