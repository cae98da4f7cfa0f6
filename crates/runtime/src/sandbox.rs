//! A sandbox: the namespaces that the containers of one pod share (upstream: `PodSandbox`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a sandbox is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Name of the pod.
    pub name: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Unique id of the pod.
    pub uid: String,
    /// How many sandboxes this pod had before.
    pub attempt: u32,
    /// Host name in the UTS namespace; unused with `host_network`.
    pub hostname: String,
    /// Absolute cgroup of the pod, made before by [`crate::Pods::set_cgroup`].
    pub cgroup_parent: String,
    /// Content of `/etc/resolv.conf` of every container; `None` takes the host's.
    pub resolv_conf: Option<String>,
    /// Directory in which [`crate::container::Config::log_path`] is resolved.
    pub log_directory: PathBuf,
    /// Use the machine's network namespace.
    pub host_network: bool,
    /// Use the machine's PID namespace.
    pub host_pid: bool,
    /// Use the machine's IPC namespace.
    pub host_ipc: bool,
    /// One PID namespace for all containers, with a reaping pause process as its first.
    pub share_process_namespace: bool,
    /// Namespaced kernel parameters, e.g. `net.ipv4.ip_unprivileged_port_start`.
    pub sysctls: BTreeMap<String, String>,
    /// Kept and given back.
    pub labels: BTreeMap<String, String>,
    /// Kept and given back.
    pub annotations: BTreeMap<String, String>,
}

/// A sandbox as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// 64 hexadecimal digits.
    pub id: String,
    /// What it was made from.
    pub config: Config,
    /// Whether containers can run in it.
    pub state: State,
    /// When it was made.
    pub created_at: Timestamp,
    /// The network namespace, to put a link into; `None` with `host_network`.
    pub netns: Option<PathBuf>,
    /// The addresses, first the primary one; empty until [`crate::Pods::set_sandbox_ips`].
    pub ips: Vec<String>,
    /// The pause process, only with `share_process_namespace`.
    pub pid: Option<u32>,
}

/// Whether containers can run in a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Its namespaces exist.
    Ready,
    /// It was stopped, or the machine was started again.
    NotReady,
}
