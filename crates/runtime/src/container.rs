//! A container: what it is made from and how it is doing (upstream: `ContainerConfig`, `ContainerStatus`).

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a container is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Name, unique in its pod.
    pub name: String,
    /// How often this container was started before.
    pub attempt: u32,
    /// Name, digest or id of an image that is on this machine.
    pub image: String,
    /// Replaces the image's entrypoint (and drops its arguments) unless empty.
    pub command: Vec<String>,
    /// Replaces the image's arguments unless empty.
    pub args: Vec<String>,
    /// Replaces the image's working directory unless empty.
    pub working_dir: String,
    /// Added to the image's environment, later ones win.
    pub env: Vec<(String, String)>,
    /// Files and directories from outside.
    pub mounts: Vec<Mount>,
    /// Device nodes from the machine.
    pub devices: Vec<Device>,
    /// Log file, relative to [`crate::sandbox::Config::log_directory`]; empty keeps no log.
    pub log_path: PathBuf,
    /// When the log is rotated.
    pub log_limits: LogLimits,
    /// Keep standard input open for [`crate::Pods::attach`].
    pub stdin: bool,
    /// Close standard input when the first one attached leaves.
    pub stdin_once: bool,
    /// Give it a terminal.
    pub tty: bool,
    /// Signal for [`crate::Pods::stop_container`] before the image's (`SIGUSR1`, `10`).
    pub stop_signal: Option<String>,
    /// Identity and privileges.
    pub security: Security,
    /// Limits.
    pub resources: Resources,
    /// Kept and given back.
    pub labels: BTreeMap<String, String>,
    /// Kept and given back.
    pub annotations: BTreeMap<String, String>,
}

/// A file, directory or filesystem mounted into a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mount {
    /// Absolute path in the container; made if missing.
    pub container_path: PathBuf,
    /// Where it comes from.
    pub source: MountSource,
    /// Refuse writes.
    pub readonly: bool,
    /// Which mounts pass through.
    pub propagation: Propagation,
}

/// Where a mount comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountSource {
    /// A file or directory of the machine.
    Bind(PathBuf),
    /// Memory, of at most `size_bytes` if given.
    Tmpfs {
        /// Limit.
        size_bytes: Option<u64>,
    },
    /// The content of an image on this machine, always read-only.
    Image(String),
}

impl Default for MountSource {
    fn default() -> Self {
        MountSource::Bind(PathBuf::new())
    }
}

/// Which mounts made later pass between the machine and the container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Propagation {
    /// None (upstream: `None`).
    #[default]
    Private,
    /// Those of the machine into the container.
    HostToContainer,
    /// Both ways; privileged containers only.
    Bidirectional,
}

/// A device node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    /// Path on the machine.
    pub host_path: PathBuf,
    /// Path in the container.
    pub container_path: PathBuf,
    /// Some of `r`, `w`, `m`.
    pub permissions: String,
}

/// When a log is rotated: `<path>` becomes `<path>.<time>` and a new one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLimits {
    /// Size that starts a new file (upstream: `containerLogMaxSize`).
    pub max_bytes: u64,
    /// Files kept, the current one included (upstream: `containerLogMaxFiles`).
    pub max_files: u32,
}

impl Default for LogLimits {
    fn default() -> Self {
        LogLimits {
            max_bytes: 10 << 20,
            max_files: 5,
        }
    }
}

/// Identity and privileges of a container's process. The default is the safe one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Security {
    /// User; `None` takes the image's.
    pub run_as_user: Option<i64>,
    /// Group; `None` takes the primary group of the user.
    pub run_as_group: Option<i64>,
    /// Further groups, `fsGroup` included.
    pub supplemental_groups: Vec<i64>,
    /// Do not add the groups that the image's `/etc/group` lists for the user (upstream: `supplementalGroupsPolicy: Strict`).
    pub strict_supplemental_groups: bool,
    /// All capabilities and devices, no seccomp, nothing masked.
    pub privileged: bool,
    /// Capabilities to add, with or without `CAP_`; `ALL`.
    pub add_capabilities: Vec<String>,
    /// Capabilities to drop; `ALL`.
    pub drop_capabilities: Vec<String>,
    /// Mount the root filesystem read-only.
    pub readonly_rootfs: bool,
    /// Set `no_new_privs` (upstream: `allowPrivilegeEscalation: false`).
    pub no_new_privileges: bool,
    /// System call filter; ignored if privileged.
    pub seccomp: Seccomp,
    /// Hide nothing of `/proc` (upstream: `procMount: Unmasked`).
    pub unmasked_proc: bool,
    /// Kernel's preference for killing when memory is short.
    pub oom_score_adj: Option<i32>,
}

/// System call filter of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seccomp {
    /// The runtime's own list.
    #[default]
    RuntimeDefault,
    /// None.
    Unconfined,
    /// A profile in Docker's JSON format at an absolute path.
    Localhost(PathBuf),
}

/// Limits of a cgroup; `None` means unlimited, in an update unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Relative weight, 2 to 262144; 1024 is one processor.
    pub cpu_shares: Option<u64>,
    /// Microseconds of processor time in each period; -1 is unlimited.
    pub cpu_quota: Option<i64>,
    /// Length of a period in microseconds, normally 100000.
    pub cpu_period: Option<u64>,
    /// Processors allowed, e.g. `0-1,4`.
    pub cpuset_cpus: Option<String>,
    /// Memory limit; swap is never added to it. -1 is unlimited.
    pub memory_limit_bytes: Option<i64>,
    /// Processes and threads allowed; -1 is unlimited.
    pub pids_limit: Option<i64>,
}

impl Resources {
    /// What `update` leaves open stays.
    pub(crate) fn change(&mut self, update: &Self) {
        self.cpu_shares = update.cpu_shares.or(self.cpu_shares);
        self.cpu_quota = update.cpu_quota.or(self.cpu_quota);
        self.cpu_period = update.cpu_period.or(self.cpu_period);
        self.cpuset_cpus = update.cpuset_cpus.clone().or(self.cpuset_cpus.take());
        self.memory_limit_bytes = update.memory_limit_bytes.or(self.memory_limit_bytes);
        self.pids_limit = update.pids_limit.or(self.pids_limit);
    }
}

/// A container as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// 64 hexadecimal digits.
    pub id: String,
    /// The sandbox it is in.
    pub sandbox_id: String,
    /// What it was made from.
    pub config: Config,
    /// Digest of the image's configuration (upstream: `imageID` without a repository).
    pub image_id: String,
    /// `name@sha256:…` of the image if it came from a registry, else its id (upstream: `imageRef`).
    pub image_ref: String,
    /// What it is doing.
    pub state: State,
    /// When it was made.
    pub created_at: Timestamp,
    /// Absolute path of its log; `None` if it has none.
    pub log_path: Option<PathBuf>,
    /// The user it runs as.
    pub user: User,
}

/// The resolved user of a container's process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids.
    pub groups: Vec<u32>,
}

/// What a container is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Prepared, not started.
    Created,
    /// Its process runs.
    Running {
        /// Its first process, as the machine sees it.
        pid: u32,
        /// Since when.
        started_at: Timestamp,
    },
    /// Its process is gone.
    Exited(Exit),
}

impl State {
    /// Whether the process runs.
    pub fn is_running(&self) -> bool {
        matches!(self, State::Running { .. })
    }
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Exit code; 128 plus the signal if one killed it.
    pub code: i32,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// `Completed`, `Error`, `OOMKilled`, `StartError` or `Unknown`.
    pub reason: String,
    /// More, for people.
    pub message: String,
    /// When it was started; `None` if it never was.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// A change of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The container.
    pub container_id: String,
    /// The sandbox it is in.
    pub sandbox_id: String,
    /// Unique id of the pod.
    pub pod_uid: String,
    /// What happened.
    pub change: Change,
}

/// What happened to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Its process runs.
    Started,
    /// Its process ended.
    Exited,
    /// It was removed.
    Removed,
}

/// Use of processor and memory, as the kernel counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// When it was read.
    pub at: Timestamp,
    /// Processor time so far.
    pub cpu_usage_nanoseconds: u64,
    /// Memory in use.
    pub memory_usage_bytes: u64,
    /// Memory in use without the files that can be dropped (upstream: `workingSetBytes`).
    pub memory_working_set_bytes: u64,
    /// Anonymous memory.
    pub memory_rss_bytes: u64,
    /// Processes and threads.
    pub pids: u64,
}
