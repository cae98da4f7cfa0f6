//! What is known of a pod before planning: what the runtime has of it, and what its worker remembers.

use super::{resize::Pending, uid};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use runtime::{
    Runtime,
    container::{Container, State},
    sandbox::{Sandbox, State as SandboxState},
};
use std::{collections::BTreeMap, sync::LazyLock};

/// Label of the runtime's containers: the pod's UID.
pub const LABEL_UID: &str = "io.kubernetes.pod.uid";
/// Label: the pod's name.
pub const LABEL_NAME: &str = "io.kubernetes.pod.name";
/// Label: the pod's namespace.
pub const LABEL_NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// Label: the container's name in its pod.
pub const LABEL_CONTAINER: &str = "io.kubernetes.container.name";
/// Annotation: where the container leaves its last words, as a path of this machine.
pub const ANNOTATION_MESSAGE_FILE: &str = "io.kubernetes.container.terminationMessageFile";
/// Annotation: `File` or `FallbackToLogsOnError`.
pub const ANNOTATION_MESSAGE_POLICY: &str = "io.kubernetes.container.terminationMessagePolicy";
/// Annotation: the image as the spec names it; another one there means the container is restarted.
pub const ANNOTATION_IMAGE: &str = "io.kubernetes.container.image";
/// Annotation: grace period in seconds, for pods whose object is gone.
pub const ANNOTATION_GRACE: &str = "io.kubernetes.pod.terminationGracePeriod";

/// One container's attempts, newest first, and what is remembered about them.
#[derive(Clone, Debug, Default)]
pub struct ContainerFacts {
    /// Newest first.
    pub attempts: Vec<Container>,
    /// See [`Memory`].
    pub memory: Memory,
}

impl ContainerFacts {
    /// The newest attempt.
    #[must_use]
    pub fn current(&self) -> Option<&Container> {
        self.attempts.first()
    }

    /// The newest attempt that lives in `sandbox`.
    #[must_use]
    pub fn current_in(&self, sandbox: &str) -> Option<&Container> {
        self.current().filter(|it| it.sandbox_id == sandbox)
    }

    /// Whether the newest attempt runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.current().is_some_and(|it| it.state.is_running())
    }
}

/// What a worker remembers of a container and the machine does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Why it does not run, as `state.waiting` shows it.
    pub waiting: Option<(String, String)>,
    /// No new try before.
    pub not_before: Option<Timestamp>,
    /// Pulls that failed in a row.
    pub pull_failures: u32,
    /// Restarts in a row, and the end of the run before the last restart.
    pub crashes: Option<(u32, Timestamp)>,
    /// Readiness of the container with this id, once a probe or its absence decided.
    pub ready: bool,
    /// Whether it is past its startup probe.
    pub started: bool,
    /// Why a probe wants the container with this id killed, and its own grace period.
    pub kill: Option<(String, Option<i64>)>,
}

/// Why a pod ends before its containers do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Seconds its containers are given.
    pub grace_seconds: i64,
    /// Phase `Failed` with this reason and message; absent for a deletion.
    pub failure: Option<(String, String)>,
}

/// Everything a plan is made from, but the pod itself.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The present time.
    pub now: Timestamp,
    /// The newest sandbox.
    pub sandbox: Option<Sandbox>,
    /// Sandboxes that were replaced.
    pub old_sandboxes: Vec<String>,
    /// By name.
    pub containers: BTreeMap<String, ContainerFacts>,
    /// Whether the pod must end.
    pub ending: Option<Ending>,
    /// Why the pod does not get the resources that it asks for.
    pub resize_pending: Option<Pending>,
    /// Why it could not be given them the last time.
    pub resize_error: Option<String>,
}

impl Facts {
    /// The newest sandbox, if containers can run in it: it is there, and its network is attached.
    #[must_use]
    pub fn ready_sandbox(&self) -> Option<&Sandbox> {
        let attached = |it: &&Sandbox| it.config.host_network || !it.ips.is_empty();
        self.sandbox
            .as_ref()
            .filter(|it| it.state == SandboxState::Ready)
            .filter(attached)
    }

    /// Whether the newest sandbox holds anything of the machine.
    #[must_use]
    pub fn sandbox_stands(&self) -> bool {
        let sandbox = self.sandbox.as_ref();
        sandbox.is_some_and(|it| it.state == SandboxState::Ready)
    }

    /// Facts about one container; none is the same as never tried.
    #[must_use]
    pub fn container(&self, name: &str) -> &ContainerFacts {
        static NEVER_TRIED: LazyLock<ContainerFacts> = LazyLock::new(ContainerFacts::default);
        self.containers.get(name).unwrap_or(&NEVER_TRIED)
    }

    /// Whether any container runs.
    #[must_use]
    pub fn anything_runs(&self) -> bool {
        self.containers
            .values()
            .any(|it| it.attempts.iter().any(|it| it.state.is_running()))
    }
}

/// Reads from the runtime what there is of a pod.
pub async fn observe(
    runtime: &dyn Runtime,
    pod: &Pod,
    memory: &BTreeMap<String, Memory>,
    ending: Option<Ending>,
    now: Timestamp,
) -> runtime::Result<Facts> {
    let (mut sandboxes, containers) = runtime.pod(uid(pod)).await?;
    sandboxes.sort_by_key(|it| std::cmp::Reverse((it.config.attempt, it.created_at)));
    let mut facts = Facts {
        now,
        ending,
        ..Facts::default()
    };
    for container in containers {
        let name = container.config.name.clone();
        let it = facts.containers.entry(name).or_default();
        it.attempts.push(container);
    }
    let mut sandboxes = sandboxes.into_iter();
    facts.sandbox = sandboxes.next();
    facts.old_sandboxes = sandboxes.map(|it| it.id).collect();
    for (name, memory) in memory {
        facts.containers.entry(name.clone()).or_default().memory = memory.clone();
    }
    for container in facts.containers.values_mut() {
        container
            .attempts
            .sort_by_key(|it| std::cmp::Reverse((it.config.attempt, it.created_at)));
    }
    Ok(facts)
}

/// When a container ended, if it did.
#[must_use]
pub fn finished_at(container: &Container) -> Option<Timestamp> {
    match &container.state {
        State::Exited(exit) => Some(exit.finished_at),
        _ => None,
    }
}
