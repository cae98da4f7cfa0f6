//! A machine of its own for every test: a network namespace with the bridge, the firewall and pods that answer.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use network::{
    Affinity, Bridge, BridgeConfig, ClusterRanges, External, Firewall, FirewallError, Journal,
    Nftables, PodAddresses, PodAttachment, PodNetwork, Protocol, ServiceChanges, ServicePort,
    ServicePorts,
};
use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace that lives as long as this.
#[derive(Clone)]
pub(crate) struct Namespace(Arc<File>);

impl Namespace {
    pub(crate) fn create() -> Self {
        let open = || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            File::open("/proc/thread-self/ns/net").unwrap()
        };
        Self(Arc::new(std::thread::spawn(open).join().unwrap()))
    }

    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }

    /// Runs the work inside, on a thread of its own.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let file = Arc::clone(&self.0);
        std::thread::spawn(move || {
            setns(&*file, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        })
        .join()
        .unwrap()
    }
}

pub(crate) struct Machine {
    pub(crate) state: Arc<tempfile::TempDir>,
    pub(crate) bridge: Bridge,
    pub(crate) firewall: Arc<Nftables>,
    pub(crate) services: Services,
}

/// Runs the test on a fresh machine, or tells why not.
pub(crate) fn on_machine<F: Future<Output = ()>>(test: impl FnOnce(Machine) -> F + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: making network namespaces needs root");
        return;
    }
    Namespace::create().run(move || {
        ip("link set lo up");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let state = Arc::new(tempfile::tempdir().unwrap());
            let (bridge, firewall) = start(&state).await;
            test(Machine {
                state: Arc::clone(&state),
                bridge,
                services: Services::of(&firewall),
                firewall,
            })
            .await;
        });
    });
}

pub(crate) async fn start(state: &tempfile::TempDir) -> (Bridge, Arc<Nftables>) {
    let journal = Arc::new(Journal::open(&state.path().join("journal")).unwrap());
    let ranges = ClusterRanges {
        pods: vec!["10.42.0.0/16".parse().unwrap()],
        services: vec!["10.43.0.0/16".parse().unwrap()],
        bridge: "sampan0".to_owned(),
    };
    let config = BridgeConfig {
        name: "sampan0".to_owned(),
        pod_range: "10.42.0.0/24".parse().unwrap(),
        service_range: Some("10.43.0.0/16".parse().unwrap()),
        mtu: 1500,
        state_dir: state.path().to_owned(),
    };
    let firewall = Arc::new(Nftables::new(ranges, Arc::clone(&journal)));
    let bridge = Bridge::set_up(
        config,
        journal,
        Arc::clone(&firewall) as Arc<dyn network::Firewall>,
    )
    .await
    .unwrap();
    (bridge, firewall)
}

/// Services as a whole: those set here before and no longer named go.
pub(crate) struct Services {
    firewall: Arc<Nftables>,
    names: Mutex<BTreeSet<String>>,
}

impl Services {
    pub(crate) fn of(firewall: &Arc<Nftables>) -> Self {
        Self {
            firewall: Arc::clone(firewall),
            names: Mutex::default(),
        }
    }

    pub(crate) async fn set(&self, services: ServicePorts) -> Result<(), FirewallError> {
        let names = services.keys().cloned().collect();
        let former = std::mem::replace(&mut *self.names.lock().unwrap(), names);
        let mut changes: ServiceChanges = former.into_iter().map(|name| (name, None)).collect();
        changes.extend(services.into_iter().map(|(name, port)| (name, Some(port))));
        self.firewall.change_services(changes).await
    }
}

/// A pod that answers every connection to 8080 with its name and who asks.
pub(crate) struct Pod {
    pub(crate) namespace: Namespace,
    pub(crate) address: IpAddr,
}

impl Machine {
    pub(crate) async fn pod(&self, name: &str) -> Pod {
        let namespace = Namespace::create();
        let addresses = self.attach(name, &namespace).await;
        let answer = name.to_owned();
        namespace.run(move || serve("0.0.0.0:8080".parse().unwrap(), answer));
        Pod {
            namespace,
            address: addresses.addresses[0],
        }
    }

    pub(crate) async fn attach(&self, name: &str, namespace: &Namespace) -> PodAddresses {
        self.bridge.add(&attachment(name, namespace)).await.unwrap()
    }
}

pub(crate) fn attachment(name: &str, namespace: &Namespace) -> PodAttachment {
    PodAttachment {
        sandbox_id: name.to_owned(),
        netns: namespace.path(),
        hostname: name.to_owned(),
        host_ports: Vec::new(),
    }
}

/// Answers TCP and UDP in the background, in the calling thread's namespace, until the test process ends.
pub(crate) fn serve(at: SocketAddr, name: String) {
    let tcp = TcpListener::bind(at).unwrap();
    let udp = UdpSocket::bind(at).unwrap();
    let by_udp = name.clone();
    std::thread::spawn(move || {
        for stream in tcp.incoming() {
            let mut stream = stream.unwrap();
            let client = stream.peer_addr().unwrap().ip();
            let _ = write!(stream, "{name} {client}");
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read(&mut [0; 16]);
        }
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((_, client)) = udp.recv_from(&mut buffer) {
            let _ = udp.send_to(format!("{by_udp} {}", client.ip()).as_bytes(), client);
        }
    });
}

/// Connects from the calling thread's namespace and returns what the server says.
pub(crate) fn ask(to: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&to.parse().unwrap(), Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

pub(crate) fn ask_by_udp(socket: &UdpSocket, to: &str) -> io::Result<String> {
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.send_to(b"?", to)?;
    let mut buffer = [0; 64];
    let (length, _) = socket.recv_from(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

/// Asks many times; every distinct first word of the answers, sorted.
pub(crate) fn names(to: &str) -> Vec<String> {
    let mut names: Vec<String> = (0..40)
        .map(|_| {
            ask(to)
                .unwrap()
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

pub(crate) fn service(cluster_ip: &str, pods: &[&Pod]) -> ServicePort {
    let backends: Vec<SocketAddr> = pods
        .iter()
        .map(|pod| SocketAddr::new(pod.address, 8080))
        .collect();
    ServicePort {
        protocol: Protocol::Tcp,
        cluster_ip: cluster_ip.parse().unwrap(),
        port: 80,
        local_backends: backends.clone(),
        backends,
        internal_local_only: false,
        external: External::default(),
        affinity: None,
    }
}

pub(crate) fn services<const N: usize>(ports: [ServicePort; N]) -> ServicePorts {
    ports
        .into_iter()
        .enumerate()
        .map(|(n, port)| (format!("default/s{n}/tcp/http"), Arc::new(port)))
        .collect()
}

pub(crate) fn sticky(seconds: u32) -> Option<Affinity> {
    Some(Affinity {
        timeout_seconds: seconds,
    })
}

pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
