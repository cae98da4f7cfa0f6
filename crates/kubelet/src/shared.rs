//! What the kubelet's parts hold in common: configuration, the hands, the door.

use crate::{container::dns::ClusterDns, container::field_ref::NodeView, references::References};
use client::Client;
use k8s_openapi::api::core::v1::{Pod, Service};
use machinery::quantity::Amounts;
use network::PodNetwork;
use reconcile::{Cache, Recorder, Reference, reference};
use runtime::Runtime;
use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, sync::Arc};
use stdx::{clock::Clock, tasks::Tasks};

/// How a node's kubelet is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node's name.
    pub node_name: String,
    /// The node's addresses, the main one first.
    pub node_ips: Vec<IpAddr>,
    /// More labels for the node.
    pub node_labels: BTreeMap<String, String>,
    /// Whether this process also runs the control plane: the node is labelled so, as k3s labels its servers,
    /// and the cache of pods is the one of all pods that the other brains use.
    pub control_plane: bool,
    /// State of pods: volumes, hosts files, last words (upstream: `--root-dir`).
    pub root_dir: PathBuf,
    /// Logs of containers (upstream: `podLogsDir`).
    pub log_dir: PathBuf,
    /// The cgroup that holds all pods.
    pub cgroup_root: String,
    /// DNS of the cluster.
    pub cluster_dns: ClusterDns,
    /// The machine's `resolv.conf`.
    pub resolv_conf: PathBuf,
    /// Pods this node takes.
    pub max_pods: u32,
    /// Processes a pod may have; absent for no limit.
    pub pod_pids_limit: Option<i64>,
    /// Whether this process may mount filesystems (memory volumes, pinned sub-paths).
    pub may_mount: bool,
    /// The port the kubelet's own API listens on.
    pub port: u16,
}

impl Config {
    /// Upstream's defaults for a node of this name, with state below `root_dir`.
    #[must_use]
    pub fn new(node_name: &str, node_ips: Vec<IpAddr>, root_dir: PathBuf) -> Self {
        Self {
            node_name: node_name.to_owned(),
            node_ips,
            node_labels: BTreeMap::new(),
            control_plane: false,
            log_dir: PathBuf::from("/var/log/pods"),
            root_dir,
            cgroup_root: "/kubepods".to_owned(),
            cluster_dns: ClusterDns::default(),
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
            max_pods: 110,
            pod_pids_limit: None,
            may_mount: true,
            port: 10250,
        }
    }
}

/// Everything a pod's worker reaches for.
pub struct Shared {
    /// Configuration.
    pub config: Config,
    /// The API.
    pub client: Client,
    /// Containers.
    pub runtime: Arc<dyn Runtime>,
    /// Addresses.
    pub network: Arc<dyn PodNetwork>,
    /// Events.
    pub recorder: Recorder,
    /// ConfigMaps and Secrets of pods.
    pub references: References,
    /// All Services, for environment variables.
    pub services: Arc<Cache<Service>>,
    /// Time of day.
    pub clock: Clock,
    /// What the node offers to pods.
    pub allocatable: Amounts,
    /// Where the kubelet's tasks live.
    pub tasks: Tasks,
}

impl Shared {
    /// A pod's directory.
    #[must_use]
    pub fn pod_dir(&self, uid: &str) -> PathBuf {
        self.config.root_dir.join("pods").join(uid)
    }

    /// Where a pod's logs are: `<log dir>/<namespace>_<name>_<uid>`.
    #[must_use]
    pub fn log_dir(&self, pod: &Pod) -> PathBuf {
        use crate::pod;
        self.config.log_dir.join(format!(
            "{}_{}_{}",
            pod::namespace(pod),
            pod::name(pod),
            pod::uid(pod)
        ))
    }

    /// The node's addresses as text.
    #[must_use]
    pub fn host_ips(&self) -> Vec<String> {
        self.config
            .node_ips
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// What a pod with these addresses can know about itself.
    #[must_use]
    pub fn view(&self, pod: &Pod, pod_ips: &[String]) -> NodeView {
        let host_network = pod.spec.as_ref().and_then(|it| it.host_network) == Some(true);
        NodeView {
            host_ips: self.host_ips(),
            pod_ips: if host_network {
                self.host_ips()
            } else {
                pod_ips.to_vec()
            },
            allocatable: self.allocatable.clone(),
        }
    }
}

/// What an event about one container of a pod is about: `spec.containers{web}`.
#[must_use]
pub fn container_reference(pod: &Pod, name: &str) -> Reference {
    use crate::pod::{self, Role};
    let field = match pod::container(pod, name) {
        Some((Role::Init | Role::Sidecar, _)) => "initContainers",
        Some((Role::Ephemeral, _)) => "ephemeralContainers",
        _ => "containers",
    };
    let mut about = reference(pod);
    about.field_path = Some(format!("spec.{field}{{{name}}}"));
    about
}
