//! What several brains ask of a pod: is it ready, is it over, what does it request, which class of
//! service has it. Upstream: `pkg/api/v1/pod`, `component-helpers/resource`, `apis/core/helper/qos`.

mod resources;
mod restarts;
#[cfg(test)]
mod tests;

pub use resources::{container_requests, limits, qos_class, requests};
pub use restarts::{may_restart_all, restarts_after, restarts_all_after};

use crate::conditions::{self, Condition};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{
    Container, ContainerStatus, EphemeralContainer, Pod, PodCondition, PodSpec,
};

/// Guaranteed: requests equal limits for CPU and memory of every container.
pub const GUARANTEED: &str = "Guaranteed";
/// Burstable: some request or limit.
pub const BURSTABLE: &str = "Burstable";
/// BestEffort: no request, no limit.
pub const BEST_EFFORT: &str = "BestEffort";

/// `Pending` until a status says otherwise.
#[must_use]
pub fn phase(pod: &Pod) -> &str {
    pod.status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .unwrap_or("Pending")
}

/// Whether the pod has succeeded or failed and will not run again.
#[must_use]
pub fn is_terminal(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether the pod was asked to go.
#[must_use]
pub fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Neither over nor asked to go: what controllers count.
#[must_use]
pub fn is_active(pod: &Pod) -> bool {
    !is_terminal(pod) && !is_terminating(pod)
}

/// The condition of type `kind`.
#[must_use]
pub fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a PodCondition> {
    conditions::get(pod.status.as_ref()?.conditions.as_ref(), kind)
}

/// Whether the `Ready` condition is true.
#[must_use]
pub fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|it| it.status == conditions::TRUE)
}

/// Since when the pod has been ready; absent when it is not.
#[must_use]
pub fn ready_since(pod: &Pod) -> Option<Timestamp> {
    condition(pod, "Ready")
        .filter(|it| it.status == conditions::TRUE)
        .and_then(Condition::changed_at)
}

/// Whether a pod counts as available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Ready for long enough.
    Available,
    /// Ready; ask again after this long.
    After(SignedDuration),
    /// Not ready.
    Unavailable,
}

/// Whether the pod has been ready for `min_ready_seconds`.
#[must_use]
pub fn availability(pod: &Pod, min_ready_seconds: i32, now: Timestamp) -> Availability {
    if !is_ready(pod) {
        return Availability::Unavailable;
    }
    if min_ready_seconds <= 0 {
        return Availability::Available;
    }
    let Some(since) = ready_since(pod) else {
        return Availability::Unavailable;
    };
    let left = SignedDuration::from_secs(min_ready_seconds.into()) - now.duration_since(since);
    if left.is_positive() {
        Availability::After(left)
    } else {
        Availability::Available
    }
}

/// An ephemeral container as the container that it is but for its target.
#[must_use]
pub fn as_container(it: &EphemeralContainer) -> Container {
    let it = it.clone();
    Container {
        args: it.args,
        command: it.command,
        env: it.env,
        env_from: it.env_from,
        image: it.image,
        image_pull_policy: it.image_pull_policy,
        lifecycle: it.lifecycle,
        liveness_probe: it.liveness_probe,
        name: it.name,
        ports: it.ports,
        readiness_probe: it.readiness_probe,
        resize_policy: it.resize_policy,
        resources: it.resources,
        restart_policy: it.restart_policy,
        restart_policy_rules: it.restart_policy_rules,
        security_context: it.security_context,
        startup_probe: it.startup_probe,
        stdin: it.stdin,
        stdin_once: it.stdin_once,
        termination_message_path: it.termination_message_path,
        termination_message_policy: it.termination_message_policy,
        tty: it.tty,
        volume_devices: it.volume_devices,
        volume_mounts: it.volume_mounts,
        working_dir: it.working_dir,
    }
}

/// Whether an init container keeps running beside the others: its own restart policy is `Always`.
#[must_use]
pub fn is_sidecar(init_container: &Container) -> bool {
    init_container.restart_policy.as_deref() == Some("Always")
}

/// The pod's restart policy; `Always` by default.
#[must_use]
pub fn restart_policy(spec: &PodSpec) -> &str {
    spec.restart_policy.as_deref().unwrap_or("Always")
}

/// The restart policy that holds for one container: its own, else for an init container of an
/// `Always` pod `OnFailure`, else the pod's.
#[must_use]
pub fn effective_restart_policy<'a>(
    spec: &'a PodSpec,
    container: &'a Container,
    init: bool,
) -> &'a str {
    match container.restart_policy.as_deref() {
        Some(own) => own,
        None if init && restart_policy(spec) == "Always" => "OnFailure",
        None => restart_policy(spec),
    }
}

/// The status of the container called `name` in any of the three lists.
#[must_use]
pub fn container_status<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    [
        &status.container_statuses,
        &status.init_container_statuses,
        &status.ephemeral_container_statuses,
    ]
    .into_iter()
    .flatten()
    .flatten()
    .find(|it| it.name == name)
}

/// A port taken on the node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// Address; `0.0.0.0` for all of them.
    pub address: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// Number.
    pub port: u16,
}

impl HostPort {
    /// Whether both cannot be on one node.
    #[must_use]
    pub fn conflicts(&self, other: &Self) -> bool {
        const ANY: &str = "0.0.0.0";
        self.port == other.port
            && self.protocol == other.protocol
            && (self.address == other.address || self.address == ANY || other.address == ANY)
    }
}

/// The node ports a pod takes, those of sidecars included.
#[must_use]
pub fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|it| is_sidecar(it));
    let mut ports = Vec::new();
    for port in spec
        .containers
        .iter()
        .chain(sidecars)
        .flat_map(|it| it.ports.iter().flatten())
    {
        let number = match port.host_port {
            Some(number) if number > 0 => number,
            _ if spec.host_network == Some(true) => port.container_port,
            _ => continue,
        };
        let filled = |value: &Option<String>, default: &str| {
            value
                .clone()
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| default.to_owned())
        };
        ports.push(HostPort {
            address: filled(&port.host_ip, "0.0.0.0"),
            protocol: filled(&port.protocol, "TCP"),
            port: u16::try_from(number).unwrap_or(0),
        });
    }
    ports
}

/// The number of the container port that a Service's or probe's `target` names.
#[must_use]
pub fn named_port(spec: &PodSpec, name: &str, protocol: &str) -> Option<u16> {
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|it| is_sidecar(it));
    spec.containers
        .iter()
        .chain(sidecars)
        .flat_map(|it| it.ports.iter().flatten())
        .find(|port| {
            port.name.as_deref() == Some(name)
                && port.protocol.as_deref().unwrap_or("TCP") == protocol
        })
        .and_then(|port| u16::try_from(port.container_port).ok())
}

/// `NAMESPACE/NAME`.
#[must_use]
pub fn key(pod: &Pod) -> String {
    format!(
        "{}/{}",
        pod.metadata.namespace.as_deref().unwrap_or_default(),
        pod.metadata.name.as_deref().unwrap_or_default()
    )
}
