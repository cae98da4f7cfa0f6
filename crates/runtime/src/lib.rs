//! The container runtime: images, snapshots, sandboxes, containers, cgroups, exec and logs.
//!
//! It knows no Kubernetes type: a pod is a [`sandbox::Config`], a container is a
//! [`container::Config`]. [`Runtime`] is the seam: the verbs of the container runtime interface
//! (upstream: CRI, `RuntimeService` and `ImageService`) in two halves, [`Pods`] and [`Images`].
//! [`Native`] acts on this machine, [`Fake`] only remembers.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::broadcast;

mod cgroup;
pub mod container;
pub mod error;
pub mod fake;
pub mod image;
mod native;
pub mod sandbox;
pub mod session;
pub mod shim;
mod snapshot;
mod spec;

pub use error::{Error, Result};
pub use fake::Fake;
pub use native::{Native, Options};

use container::{Container, Stats};
use image::{Auth, Image};
use sandbox::Sandbox;
use session::{ExecOutput, ExecRequest, Session, Socket, Streams};

/// Everything a kubelet asks of a machine that runs containers.
pub trait Runtime: Pods + Images {}

impl<T: Pods + Images + ?Sized> Runtime for T {}

/// Sandboxes, the containers in them and the cgroups around them (upstream: `RuntimeService`).
///
/// Stop and remove are safe to repeat: what is already gone is success.
#[async_trait]
pub trait Pods: Send + Sync {
    /// What runs the containers: name and version, as a node reports them.
    fn version(&self) -> Version;

    /// Creates or updates a cgroup that holds pods or a class of pods, e.g. `/kubepods/burstable/pod<uid>`.
    async fn set_cgroup(&self, path: &str, resources: &container::Resources) -> Result<()>;
    /// Kills what is left in a cgroup and removes it with everything below it.
    async fn remove_cgroup(&self, path: &str) -> Result<()>;
    /// Names of the direct children of a cgroup; empty if it does not exist.
    async fn list_cgroups(&self, path: &str) -> Result<Vec<String>>;
    /// Usage of a whole cgroup (a pod, or all of them).
    async fn cgroup_stats(&self, path: &str) -> Result<Stats>;

    /// Creates a sandbox and its namespaces. Its network is empty but for an `lo` that is up:
    /// whoever called attaches it through [`Sandbox::netns`] and reports addresses to [`Pods::set_sandbox_ips`].
    async fn run_pod_sandbox(&self, config: sandbox::Config) -> Result<Sandbox>;
    /// Remembers the addresses that the network gave to a sandbox, across restarts.
    async fn set_sandbox_ips(&self, id: &str, ips: Vec<String>) -> Result<()>;
    /// Kills every container of a sandbox and lets go of its namespaces.
    async fn stop_pod_sandbox(&self, id: &str) -> Result<()>;
    /// Stops a sandbox and removes its containers and every trace but their logs.
    async fn remove_pod_sandbox(&self, id: &str) -> Result<()>;
    /// One sandbox.
    async fn pod_sandbox_status(&self, id: &str) -> Result<Sandbox>;
    /// The sandboxes of the pod with this UID and the containers in them, ended ones too.
    async fn pod(&self, uid: &str) -> Result<(Vec<Sandbox>, Vec<Container>)>;
    /// All sandboxes, stopped ones too.
    async fn list_pod_sandbox(&self) -> Result<Vec<Sandbox>>;
    /// Connects to a TCP port on the loopback address inside a sandbox.
    async fn port_forward(&self, sandbox_id: &str, port: u16) -> Result<Box<dyn Socket>>;

    /// Prepares a container in a sandbox: its root filesystem and process, nothing runs yet.
    async fn create_container(
        &self,
        sandbox_id: &str,
        config: container::Config,
    ) -> Result<Container>;
    /// Starts a created container. An error (a missing executable, say) leaves it exited, reason `StartError`, code 128.
    async fn start_container(&self, id: &str) -> Result<()>;
    /// Sends the stop signal (the configured one, the image's, or TERM), waits `grace_seconds`, then kills.
    /// Returns when the container has exited. Zero kills at once.
    async fn stop_container(&self, id: &str, grace_seconds: u64) -> Result<()>;
    /// Removes a container, killing it if it runs. Its log stays.
    async fn remove_container(&self, id: &str) -> Result<()>;
    /// One container.
    async fn container_status(&self, id: &str) -> Result<Container>;
    /// All containers, exited ones too.
    async fn list_containers(&self) -> Result<Vec<Container>>;
    /// Changes the limits of a container while it runs; what is `None` stays.
    async fn update_container_resources(
        &self,
        id: &str,
        resources: &container::Resources,
    ) -> Result<()>;
    /// Processor and memory use of a running container.
    async fn container_stats(&self, id: &str) -> Result<Stats>;

    /// Runs a command in a container to its end. Output beyond [`session::EXEC_OUTPUT_LIMIT`] is dropped.
    async fn exec_sync(
        &self,
        id: &str,
        command: &[String],
        timeout: Option<Duration>,
    ) -> Result<ExecOutput>;
    /// Runs a command in a container with its streams connected.
    async fn exec(&self, id: &str, request: ExecRequest) -> Result<Session>;
    /// Connects to the streams of a container's own process.
    async fn attach(&self, id: &str, streams: Streams) -> Result<Session>;
    /// Makes the writer of a container's log open its file again, after somebody moved it.
    async fn reopen_container_log(&self, id: &str) -> Result<()>;

    /// Changes of containers from now on. A receiver that lags must list again.
    fn events(&self) -> broadcast::Receiver<container::Event>;
}

/// The images of this machine (upstream: `ImageService`).
#[async_trait]
pub trait Images: Send + Sync {
    /// All images, one entry for each distinct content.
    async fn list_images(&self) -> Result<Vec<Image>>;
    /// An image by name, digest or id; `None` if it is not here.
    async fn image_status(&self, reference: &str) -> Result<Option<Image>>;
    /// Fetches an image from its registry.
    async fn pull_image(&self, reference: &str, auth: Option<&Auth>) -> Result<Image>;
    /// Forgets a name, or with an id all names; content that nothing names any more is removed,
    /// unless a container still uses it. Removing what is not there is success.
    async fn remove_image(&self, reference: &str) -> Result<()>;
    /// Adds the images of an OCI layout or docker-save archive, optionally compressed.
    async fn import_image(&self, archive: &Path) -> Result<Vec<Image>>;
    /// Makes an image from files of this machine.
    async fn build_image(
        &self,
        reference: &str,
        config: image::ImageConfig,
        layers: Vec<image::archive::Layer>,
    ) -> Result<Image>;
    /// Images that are imported or built from now on: somebody may wait for one. A receiver that lags must look again.
    fn arrivals(&self) -> broadcast::Receiver<Image>;
    /// The filesystem that holds images and writable layers.
    async fn image_fs_info(&self) -> Result<image::FsInfo>;
}

/// Name and version of a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// For a node's `containerRuntimeVersion`, before `://`.
    pub name: String,
    /// Its version.
    pub version: String,
}
