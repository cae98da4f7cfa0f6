//! A pod's status from what was observed: phase, conditions, container statuses. Pure
//! (upstream: `generateAPIPodStatus`, `convertToAPIContainerStatuses`, `status/generate.go`).

use super::{
    Role, containers,
    observe::{ContainerFacts, Facts},
    plan::{Plan, outcome, restarts},
    resize,
    round::Round,
};
use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{
        Container, ContainerState, ContainerStateRunning, ContainerStateTerminated,
        ContainerStateWaiting, ContainerStatus, HostIP, Pod, PodCondition, PodIP, PodStatus,
        VolumeMountStatus,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use machinery::{
    conditions::{self, Condition as _},
    pods,
};
use runtime::container::{Container as Running, State};

/// The prefix of container ids in a status.
pub const SCHEME: &str = "sampan://";

fn seconds(time: Timestamp) -> Option<Time> {
    Some(Time(stdx::clock::whole_seconds(time)))
}

/// The status, grown from the one written before.
#[must_use]
pub fn status(pod: &Pod, facts: &Facts, plan: &Plan, host_ips: &[String]) -> PodStatus {
    let mut status = pod.status.clone().unwrap_or_default();
    let old = status.clone();
    let all = containers(pod);
    let of = |wanted: &[Role]| -> Vec<ContainerStatus> {
        let chosen = all.iter().filter(|(role, _)| wanted.contains(role));
        chosen
            .map(|(role, container)| container_status(pod, *role, container, facts, plan))
            .collect()
    };
    let some = |list: Vec<ContainerStatus>| (!list.is_empty()).then_some(list);
    status.init_container_statuses = some(of(&[Role::Init, Role::Sidecar]));
    status.container_statuses = some(of(&[Role::Main]));
    status.ephemeral_container_statuses = some(of(&[Role::Ephemeral]));
    if !matches!(old.phase.as_deref(), Some("Succeeded" | "Failed")) {
        status.phase = Some(phase(pod, facts, &status).to_owned());
    }
    if let Some((reason, message)) = facts.ending.as_ref().and_then(|it| it.failure.clone()) {
        (status.phase, status.reason, status.message) =
            (Some("Failed".to_owned()), Some(reason), Some(message));
    }
    status
        .qos_class
        .get_or_insert_with(|| pods::qos_class(pod).to_owned());
    status.start_time = status.start_time.take().or_else(|| seconds(facts.now));
    status.observed_generation = pod.metadata.generation;
    set_addresses(pod, facts, host_ips, &mut status);
    set_conditions(pod, facts, &mut status);
    status
}

fn set_addresses(pod: &Pod, facts: &Facts, host_ips: &[String], status: &mut PodStatus) {
    if !host_ips.is_empty() {
        status.host_ip = host_ips.first().cloned();
        status.host_ips = Some(
            host_ips
                .iter()
                .map(|ip| HostIP { ip: ip.clone() })
                .collect(),
        );
    }
    let host_network = pod.spec.as_ref().and_then(|it| it.host_network) == Some(true);
    let ips: &[String] = match facts.ready_sandbox() {
        Some(_) if host_network => host_ips,
        Some(sandbox) => &sandbox.ips,
        None => &[],
    };
    if let Some(first) = ips.first() {
        status.pod_ip = Some(first.clone());
        status.pod_ips = Some(ips.iter().map(|ip| PodIP { ip: ip.clone() }).collect());
    }
}

fn container_status(
    pod: &Pod,
    role: Role,
    container: &Container,
    facts: &Facts,
    plan: &Plan,
) -> ContainerStatus {
    let it = facts.container(&container.name);
    let before = pods::container_status(pod, &container.name);
    let mut status = ContainerStatus {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        restart_count: before.map_or(0, |it| it.restart_count),
        started: Some(false),
        volume_mounts: mounts(container),
        ..ContainerStatus::default()
    };
    if let Some(current) = it.current() {
        let attempt = i32::try_from(current.config.attempt).unwrap_or(i32::MAX);
        status.restart_count = status.restart_count.max(attempt);
        status.image.clone_from(&current.config.image);
        status.image_id.clone_from(&current.image_ref);
        status.container_id = Some(format!("{SCHEME}{}", current.id));
    }
    let waiting = plan.waiting.get(&container.name);
    let waiting = waiting.or(it.memory.waiting.as_ref());
    let waiting = waiting.filter(|_| may_run_again(pod, role, container, it));
    let (state, last) = states(pod, it, waiting, facts.ending.is_some());
    if state.running.is_some() {
        let serves = matches!(role, Role::Main | Role::Sidecar);
        status.started = Some(it.memory.started);
        status.ready = serves && it.memory.ready && it.memory.started;
        let wanted = container.resources.as_ref();
        status.allocated_resources = wanted.and_then(|it| it.requests.clone());
        // Even if it asks for nothing: who changes a pod's resources takes this for a node that can.
        let wanted = wanted.cloned().unwrap_or_default();
        let held = before.and_then(|it| it.resources.clone());
        let current = it.current();
        let resizes = current.is_some_and(|it| resize::change(role, container, it).is_some());
        status.resources = held.filter(|_| resizes).or(Some(wanted));
    }
    let done = state
        .terminated
        .as_ref()
        .is_some_and(|it| it.exit_code == 0);
    status.ready |= role == Role::Init && done;
    // What the machine has forgotten, the API still knows.
    let last = last.or_else(|| before.and_then(|it| it.last_state.clone()));
    status.last_state = Some(last.unwrap_or_default());
    status.state = Some(state);
    if let Some(before) = before.filter(|_| it.current().is_none()) {
        keep_end(&mut status, before);
    }
    status
}

/// Whether a container that does not run will be tried again: only then it waits.
fn may_run_again(pod: &Pod, role: Role, container: &Container, it: &ContainerFacts) -> bool {
    let Some((spec, State::Exited(exit))) = pod.spec.as_ref().zip(it.current().map(|it| &it.state))
    else {
        return true;
    };
    restarts(spec, role, container, exit.code)
}

/// A container that ended and left nothing behind stays as it was last reported.
fn keep_end(status: &mut ContainerStatus, before: &ContainerStatus) {
    let ended = before
        .state
        .as_ref()
        .is_some_and(|it| it.terminated.is_some());
    if ended {
        status.state.clone_from(&before.state);
        status.image_id.clone_from(&before.image_id);
        status.container_id.clone_from(&before.container_id);
        status.ready = before.ready;
    }
}

fn mounts(container: &Container) -> Option<Vec<VolumeMountStatus>> {
    container.volume_mounts.as_ref().map(|mounts| {
        let one = |it: &k8s_openapi::api::core::v1::VolumeMount| VolumeMountStatus {
            mount_path: it.mount_path.clone(),
            name: it.name.clone(),
            read_only: it.read_only.filter(|it| *it),
            recursive_read_only: it.read_only.filter(|it| *it).map(|_| "Disabled".to_owned()),
            ..VolumeMountStatus::default()
        };
        mounts.iter().map(one).collect()
    })
}

/// State and last state.
fn states(
    pod: &Pod,
    it: &ContainerFacts,
    waiting: Option<&(String, String)>,
    ending: bool,
) -> (ContainerState, Option<ContainerState>) {
    let with_init = pod
        .spec
        .as_ref()
        .is_some_and(|it| it.init_containers.iter().flatten().next().is_some());
    let wait = |reason: &str, message: &str| ContainerState {
        waiting: Some(ContainerStateWaiting {
            reason: Some(reason.to_owned()),
            message: Some(message.to_owned()).filter(|it| !it.is_empty()),
        }),
        ..ContainerState::default()
    };
    let nothing = wait(
        if with_init {
            "PodInitializing"
        } else {
            "ContainerCreating"
        },
        "",
    );
    let waiting = waiting
        .filter(|_| !ending)
        .map(|(reason, message)| wait(reason, message));
    let previous = it.attempts.get(1).and_then(terminated);
    match it.current() {
        None => (waiting.unwrap_or(nothing), None),
        Some(current) => match &current.state {
            State::Created => (waiting.unwrap_or(nothing), previous),
            State::Running { started_at, .. } => {
                let running = ContainerStateRunning {
                    started_at: seconds(*started_at),
                };
                (
                    ContainerState {
                        running: Some(running),
                        ..ContainerState::default()
                    },
                    previous,
                )
            }
            State::Exited(_) => match waiting {
                Some(waiting) => (waiting, terminated(current)),
                None => (terminated(current).unwrap_or(nothing), previous),
            },
        },
    }
}

fn terminated(container: &Running) -> Option<ContainerState> {
    let State::Exited(exit) = &container.state else {
        return None;
    };
    Some(ContainerState {
        terminated: Some(ContainerStateTerminated {
            container_id: Some(format!("{SCHEME}{}", container.id)),
            exit_code: exit.code,
            // A signal shows in the exit code; upstream's runtimes leave this field alone.
            signal: None,
            reason: Some(exit.reason.clone()),
            message: Some(exit.message.clone()).filter(|it| !it.is_empty()),
            started_at: exit
                .started_at
                .and_then(seconds)
                .or_else(|| seconds(Timestamp::UNIX_EPOCH)),
            finished_at: seconds(exit.finished_at),
        }),
        ..ContainerState::default()
    })
}

fn phase(pod: &Pod, facts: &Facts, status: &PodStatus) -> &'static str {
    let (mut running, mut never, mut stopped, mut failed) = (0, 0, 0, 0);
    let exit = |state: Option<&ContainerState>| {
        state
            .and_then(|it| it.terminated.as_ref())
            .map(|it| it.exit_code)
    };
    for it in status.container_statuses.iter().flatten() {
        let state = it.state.as_ref();
        let code = exit(state).or_else(|| exit(it.last_state.as_ref()));
        if state.is_some_and(|it| it.running.is_some()) {
            running += 1;
        } else if let Some(code) = code {
            stopped += 1;
            failed += i32::from(code != 0);
        } else {
            never += 1;
        }
    }
    let everything_ended = !facts.anything_runs();
    if let Some(failed) = outcome(pod, facts) {
        return match (everything_ended, failed) {
            (false, _) => "Running",
            (true, true) => "Failed",
            (true, false) => "Succeeded",
        };
    }
    if facts.ending.is_some() && everything_ended && stopped > 0 && never == 0 {
        return if failed > 0 { "Failed" } else { "Succeeded" };
    }
    match (never, running + stopped) {
        (0, 1..) => "Running",
        _ => "Pending",
    }
}

fn set_conditions(pod: &Pod, facts: &Facts, status: &mut PodStatus) {
    let phase = status.phase.clone().unwrap_or_default();
    let has_network = facts.ready_sandbox().is_some() && status.pod_ip.is_some();
    let yes_no = |truth: bool| if truth { "True" } else { "False" };
    let mut wanted = vec![PodCondition::make(
        "PodReadyToStartContainers",
        yes_no(has_network),
        "",
        "",
    )];
    let main_started =
        status.container_statuses.iter().flatten().any(|it| {
            it.state.as_ref().is_some_and(|it| it.waiting.is_none()) || it.restart_count > 0
        });
    let sidecars = sidecars(pod);
    let incomplete: Vec<&str> = status
        .init_container_statuses
        .iter()
        .flatten()
        .filter(|it| {
            let serves = sidecars.contains(&it.name.as_str()) && it.started == Some(true);
            !(it.ready || main_started || serves)
        })
        .map(|it| it.name.as_str())
        .collect();
    wanted.push(match (phase.as_str(), incomplete.as_slice()) {
        ("Succeeded", _) => PodCondition::make("Initialized", "True", "PodCompleted", ""),
        (_, []) => PodCondition::make("Initialized", "True", "", ""),
        (_, names) => {
            let message = format!("containers with incomplete status: [{}]", names.join(" "));
            PodCondition::make("Initialized", "False", "ContainersNotInitialized", &message)
        }
    });
    let (ready, containers_ready) = readiness(pod, status, &phase);
    wanted.extend([ready, containers_ready]);
    wanted.extend(restarting(pod, facts, &phase));
    for mut condition in wanted {
        condition.observed_generation = pod.metadata.generation;
        conditions::set(&mut status.conditions, condition, facts.now);
    }
    resize::set_conditions(pod, facts, &mut status.conditions);
    order_conditions(status);
}

/// `AllContainersRestarting`, of pods that can do so.
fn restarting(pod: &Pod, facts: &Facts, phase: &str) -> Option<PodCondition> {
    pod.spec.as_ref().filter(|it| pods::may_restart_all(it))?;
    let (status, reason, message) = match phase {
        "Succeeded" => ("False", "PodCompleted", ""),
        "Failed" => ("False", "PodFailed", ""),
        _ if Round::of(pod, facts).begins(pod, facts) => (
            "True",
            "RestartAllContainersStarted",
            "container exited with restart policy rule",
        ),
        _ => ("False", "", ""),
    };
    let kind = "AllContainersRestarting";
    Some(PodCondition::make(kind, status, reason, message))
}

fn sidecars(pod: &Pod) -> Vec<&str> {
    let init = pod.spec.iter().flat_map(|it| it.init_containers.iter());
    let all = init.flatten().filter(|it| pods::is_sidecar(it));
    all.map(|it| it.name.as_str()).collect()
}

/// `Ready` and `ContainersReady`.
fn readiness(pod: &Pod, status: &PodStatus, phase: &str) -> (PodCondition, PodCondition) {
    let both = |status: &str, reason: &str, message: &str| {
        (
            PodCondition::make("Ready", status, reason, message),
            PodCondition::make("ContainersReady", status, reason, message),
        )
    };
    match phase {
        "Succeeded" => return both("False", "PodCompleted", ""),
        "Failed" => return both("False", "PodFailed", ""),
        _ => {}
    }
    let sidecars = sidecars(pod);
    let of_sidecars = status
        .init_container_statuses
        .iter()
        .flatten()
        .filter(|it| sidecars.contains(&it.name.as_str()));
    let unready: Vec<&str> = of_sidecars
        .chain(status.container_statuses.iter().flatten())
        .filter(|it| !it.ready)
        .map(|it| it.name.as_str())
        .collect();
    if !unready.is_empty() {
        let message = format!("containers with unready status: [{}]", unready.join(" "));
        return both("False", "ContainersNotReady", &message);
    }
    let gates = pod
        .spec
        .as_ref()
        .and_then(|it| it.readiness_gates.as_deref())
        .unwrap_or_default();
    let faults: Vec<String> = gates
        .iter()
        .filter_map(|gate| {
            let kind = &gate.condition_type;
            match conditions::get(status.conditions.as_ref(), kind).map(|it| it.status.as_str()) {
                None => Some(format!(
                    "corresponding condition of pod readiness gate {kind:?} does not exist."
                )),
                Some("True") => None,
                Some(other) => Some(format!(
                    "the status of pod readiness gate {kind:?} is not \"True\", but {other}"
                )),
            }
        })
        .collect();
    let (ready, containers_ready) = both("True", "", "");
    if faults.is_empty() {
        return (ready, containers_ready);
    }
    (
        PodCondition::make(
            "Ready",
            "False",
            "ReadinessGatesNotReady",
            &faults.join(", "),
        ),
        containers_ready,
    )
}

/// As `kubectl describe` lists them: those of the kubelet first.
fn order_conditions(status: &mut PodStatus) {
    const ORDER: [&str; 5] = [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ];
    if let Some(list) = &mut status.conditions {
        list.sort_by_key(|it| {
            ORDER
                .iter()
                .position(|kind| *kind == it.type_)
                .unwrap_or(ORDER.len())
        });
    }
}

#[cfg(test)]
mod tests;
