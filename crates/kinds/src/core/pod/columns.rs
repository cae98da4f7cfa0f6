//! How `kubectl get pods` shows a pod: upstream's `printPod`.

use crate::{
    Cell, Column,
    columns::{self, NONE},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerStateTerminated, ContainerStatus, Pod, PodSpec, PodStatus,
};

pub(super) const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Ready", "The aggregate readiness state of this pod for accepting traffic."),
    Column::text("Status", "The aggregate status of the containers in this pod."),
    Column::text("Restarts", "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted."),
    Column::AGE,
    Column::text("IP", "podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.").wide(),
    Column::text("Node", "NodeName indicates in which node this pod is scheduled. If empty, this pod is a candidate for scheduling by the scheduler defined in schedulerName. Once this field is set, the kubelet for this node becomes responsible for the lifecycle of this pod. This field should not be used to express a desire for the pod to be scheduled on a specific node. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename").wide(),
    Column::text("Nominated Node", "nominatedNodeName is set only when this pod preempts other pods on the node, but it cannot be scheduled right away as preemption victims receive their graceful termination periods. This field does not guarantee that the pod will be scheduled on this node. Scheduler may decide to place the pod elsewhere if other nodes become available sooner. Scheduler may also decide to give the resources on this node to a higher priority pod that is created after preemption. As a result, this field may be different than PodSpec.nodeName when the pod is scheduled.").wide(),
    Column::text("Readiness Gates", "If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all its containers are ready AND all conditions specified in the readiness gates have status equal to \"True\" More info: https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates").wide(),
];

pub(super) fn row(pod: &Pod, now: Timestamp) -> Vec<Cell> {
    let no_spec = PodSpec::default();
    let no_status = PodStatus::default();
    let spec = pod.spec.as_ref().unwrap_or(&no_spec);
    let status = pod.status.as_ref().unwrap_or(&no_status);
    let summary = summarise(pod, spec, status);
    let restarts = match summary.restarts.last {
        Some(last) if summary.restarts.count != 0 => {
            let ago = machinery::durations::age(Some(last), now);
            format!("{} ({ago} ago)", summary.restarts.count)
        }
        _ => summary.restarts.count.to_string(),
    };
    let ip = status.pod_ips.as_ref().and_then(|ips| ips.first());
    let ip = ip.map(|ip| &ip.ip).or(status.pod_ip.as_ref());
    vec![
        columns::name(&pod.metadata),
        format!("{}/{}", summary.ready, summary.total).into(),
        summary.reason.into(),
        restarts.into(),
        columns::age(&pod.metadata, now),
        columns::or(ip, NONE),
        columns::or(spec.node_name.as_ref(), NONE),
        columns::or(status.nominated_node_name.as_ref(), NONE),
        gates(spec, status).into(),
    ]
}

fn gates(spec: &PodSpec, status: &PodStatus) -> String {
    match spec.readiness_gates.as_deref() {
        None | Some([]) => NONE.to_owned(),
        Some(gates) => {
            let held = gates
                .iter()
                .filter(|gate| is_true(status, &gate.condition_type));
            format!("{}/{}", held.count(), gates.len())
        }
    }
}

#[derive(Default)]
struct Restarts {
    count: i32,
    last: Option<Timestamp>,
}

impl Restarts {
    fn add(&mut self, container: &ContainerStatus) {
        self.count += container.restart_count;
        let ended = container
            .last_state
            .as_ref()
            .and_then(|it| it.terminated.as_ref());
        let ended = ended.and_then(|it| it.finished_at.as_ref()).map(|it| it.0);
        self.last = self.last.max(ended);
    }
}

struct Summary {
    ready: usize,
    total: usize,
    reason: String,
    restarts: Restarts,
}

fn summarise(pod: &Pod, spec: &PodSpec, status: &PodStatus) -> Summary {
    let phase = status.phase.as_deref().unwrap_or_default();
    let mut summary = Summary {
        ready: 0,
        total: spec.containers.len()
            + spec
                .init_containers
                .iter()
                .flatten()
                .filter(|it| is_sidecar(it.restart_policy.as_ref()))
                .count(),
        reason: status
            .reason
            .clone()
            .filter(|it| !it.is_empty())
            .unwrap_or_else(|| phase.to_owned()),
        restarts: Restarts::default(),
    };
    let gated = status.conditions.iter().flatten();
    if gated
        .into_iter()
        .any(|it| it.type_ == "PodScheduled" && it.reason.as_deref() == Some("SchedulingGated"))
    {
        "SchedulingGated".clone_into(&mut summary.reason);
    }
    let (initializing, sidecars) = initialisation(spec, status, &mut summary);
    if !initializing || is_true(status, "Initialized") {
        summary.restarts = sidecars;
        running(status, &mut summary);
    }
    if pod.metadata.deletion_timestamp.is_some() {
        if status.reason.as_deref() == Some("NodeLost") {
            "Unknown".clone_into(&mut summary.reason);
        } else if !matches!(phase, "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut summary.reason);
        }
    }
    summary
}

/// Walks the init containers up to the one that is at work; tells whether there is one, and the
/// restarts of sidecars.
fn initialisation(spec: &PodSpec, status: &PodStatus, summary: &mut Summary) -> (bool, Restarts) {
    let mut sidecars = Restarts::default();
    let count = spec.init_containers.as_ref().map_or(0, Vec::len);
    for (index, container) in status.init_container_statuses.iter().flatten().enumerate() {
        summary.restarts.add(container);
        let declared = spec
            .init_containers
            .iter()
            .flatten()
            .find(|it| it.name == container.name);
        let sidecar = declared.is_some_and(|it| is_sidecar(it.restart_policy.as_ref()));
        if sidecar {
            sidecars.add(container);
        }
        let state = container.state.clone().unwrap_or_default();
        let waiting = state.waiting.and_then(|it| it.reason).unwrap_or_default();
        match &state.terminated {
            Some(ended) if ended.exit_code == 0 => continue,
            _ if sidecar && container.started == Some(true) => {
                summary.ready += usize::from(container.ready);
                continue;
            }
            Some(ended) => summary.reason = format!("Init:{}", ended_reason(ended)),
            None if !waiting.is_empty() && waiting != "PodInitializing" => {
                summary.reason = format!("Init:{waiting}")
            }
            None => summary.reason = format!("Init:{index}/{count}"),
        }
        return (true, sidecars);
    }
    (false, sidecars)
}

fn running(status: &PodStatus, summary: &mut Summary) {
    let mut has_running = false;
    for container in status.container_statuses.iter().flatten().rev() {
        summary.restarts.add(container);
        let state = container.state.clone().unwrap_or_default();
        let waiting = state.waiting.and_then(|it| it.reason).unwrap_or_default();
        if !waiting.is_empty() {
            summary.reason = waiting;
        } else if let Some(ended) = &state.terminated {
            summary.reason = ended_reason(ended);
        } else if container.ready && state.running.is_some() {
            has_running = true;
            summary.ready += 1;
        }
    }
    if summary.reason == "Completed" && has_running {
        let ready = is_true(status, "Ready");
        summary.reason = if ready { "Running" } else { "NotReady" }.to_owned();
    }
}

fn ended_reason(ended: &ContainerStateTerminated) -> String {
    match (ended.reason.as_deref(), ended.signal.unwrap_or(0)) {
        (Some(reason), _) if !reason.is_empty() => reason.to_owned(),
        (_, 0) => format!("ExitCode:{}", ended.exit_code),
        (_, signal) => format!("Signal:{signal}"),
    }
}

fn is_sidecar(policy: Option<&String>) -> bool {
    policy.is_some_and(|it| it == "Always")
}

fn is_true(status: &PodStatus, condition: &str) -> bool {
    let mut conditions = status.conditions.iter().flatten();
    conditions.any(|it| it.type_ == condition && it.status == "True")
}
