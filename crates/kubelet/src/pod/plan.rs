//! What to do next for a pod: facts in, closed-enum actions out, nothing touched
//! (upstream: `computePodActions`).

use super::{
    Role, containers, full_name,
    observe::{ContainerFacts, Facts},
    resize::{self, Change},
    round::Round,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use machinery::pods;
use runtime::container::{Container as Running, Resources, State};
use std::{collections::BTreeMap, time::Duration};
use stdx::backoff::Backoff;

/// Waits between restarts of a container that ends (upstream: `CrashLoopBackOff`).
pub const CRASH_BACKOFF: Backoff = Backoff::new(Duration::from_secs(10), Duration::from_secs(300));
/// A run this long forgets earlier crashes.
pub const CRASH_FORGOTTEN: SignedDuration = SignedDuration::from_secs(600);

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// End every container, then the sandbox; the containers' remains stay for their logs and exit codes.
    KillPod {
        /// Seconds they are given.
        grace_seconds: i64,
    },
    /// Take a replaced sandbox away with its containers.
    RemoveSandbox {
        /// Which.
        id: String,
    },
    /// Make the sandbox.
    CreateSandbox {
        /// How many there were.
        attempt: u32,
    },
    /// End one container.
    Kill {
        /// Its name in the pod.
        name: String,
        /// The runtime's id.
        id: String,
        /// For the event.
        message: String,
        /// Seconds it is given.
        grace_seconds: i64,
    },
    /// Give running containers other limits, by id, and their pod with them.
    Resize {
        /// What each gets.
        containers: Vec<(String, Resources)>,
    },
    /// Forget a dead container and its log.
    Forget {
        /// The runtime's id.
        id: String,
    },
    /// Create and start a container.
    Start {
        /// Its name in the pod.
        name: String,
        /// How often it was started before.
        attempt: u32,
    },
}

/// What to do now, when to look again, and what the containers that do not run wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In order.
    pub actions: Vec<Action>,
    /// Look again then, even if nothing happens.
    pub wake: Option<Timestamp>,
    /// Reason and message by container.
    pub waiting: BTreeMap<String, (String, String)>,
    /// Nothing runs and nothing will run again.
    pub over: bool,
    /// A container whose definition changed is started anew: that it was down meanwhile is not told.
    pub replaces: bool,
}

impl Plan {
    fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |it| it.min(at)));
    }
}

/// How a pod whose containers will not run again ended: whether it failed. `None`: it goes on.
#[must_use]
pub fn outcome(pod: &Pod, facts: &Facts) -> Option<bool> {
    let spec = pod.spec.as_ref()?;
    let sandbox = facts
        .sandbox
        .as_ref()
        .map(|it| it.id.as_str())
        .unwrap_or_default();
    let round = Round::of(pod, facts);
    let mut failed = false;
    let mut main_seen = false;
    for (role, container) in containers(pod) {
        let it = facts.container(&container.name);
        let exit = it.current().filter(|it| !round.is_over(it));
        let exit = exit.and_then(exit_code);
        match role {
            Role::Sidecar | Role::Ephemeral => {}
            Role::Init => match exit {
                Some(code)
                    if code != 0
                        && !restarts(spec, role, &container, code)
                        && it.current_in(sandbox).is_some() =>
                {
                    return Some(true);
                }
                _ => {}
            },
            Role::Main => {
                main_seen = true;
                match exit {
                    Some(code) if !restarts(spec, role, &container, code) => failed |= code != 0,
                    _ => return None,
                }
            }
        }
    }
    main_seen.then_some(failed)
}

fn exit_code(container: &Running) -> Option<i32> {
    match &container.state {
        State::Exited(exit) => Some(exit.code),
        _ => None,
    }
}

/// The plan.
#[must_use]
pub fn plan(pod: &Pod, facts: &Facts) -> Plan {
    let pending = facts.resize_pending.as_ref();
    let mut plan = Plan {
        wake: pending.and_then(|it| it.wake(facts.now)),
        ..Plan::default()
    };
    let Some(spec) = &pod.spec else { return plan };
    let stands = facts.sandbox_stands() || facts.anything_runs();
    if let Some(ending) = &facts.ending {
        if stands {
            plan.actions.push(Action::KillPod {
                grace_seconds: ending.grace_seconds,
            });
        } else {
            plan.over = true;
        }
        return plan;
    }
    if pods::is_terminal(pod) || outcome(pod, facts).is_some() {
        if stands {
            plan.actions.push(Action::KillPod {
                grace_seconds: grace_seconds(spec),
            });
        } else {
            plan.over = true;
        }
        return plan;
    }
    // A replaced sandbox stays until its containers have successors: they carry the restart counts.
    let needed = |id: &String| {
        facts
            .containers
            .values()
            .any(|it| it.current().is_some_and(|it| it.sandbox_id == *id))
    };
    let replaced = facts.old_sandboxes.iter().filter(|id| !needed(id));
    plan.actions
        .extend(replaced.map(|id| Action::RemoveSandbox { id: id.clone() }));
    let Some(sandbox) = facts.ready_sandbox() else {
        if facts.anything_runs() {
            plan.actions.push(Action::KillPod { grace_seconds: 0 });
        } else {
            let attempt = facts.sandbox.as_ref().map_or(0, |it| it.config.attempt + 1);
            plan.actions.push(Action::CreateSandbox { attempt });
        }
        return plan;
    };
    let round = Round::of(pod, facts);
    let rest = round.rest(pod, facts);
    if rest.is_empty() {
        plan_containers(pod, spec, facts, &sandbox.id, round, &mut plan);
    } else {
        plan.actions.extend(rest);
    }
    plan
}

/// A pod's own grace period.
#[must_use]
pub fn grace_seconds(spec: &PodSpec) -> i64 {
    spec.termination_grace_period_seconds.unwrap_or(30)
}

fn plan_containers(
    pod: &Pod,
    spec: &PodSpec,
    facts: &Facts,
    sandbox: &str,
    round: Round,
    plan: &mut Plan,
) {
    let all = containers(pod);
    let tried = |container: &Container| {
        let current = facts.container(&container.name).current_in(sandbox);
        current.is_some_and(|it| !round.is_over(it))
    };
    let initialized = all
        .iter()
        .any(|(role, container)| *role == Role::Main && tried(container));
    let resized: Vec<_> = all
        .iter()
        .filter_map(|(role, container)| limits(facts, *role, container))
        .collect();
    if !resized.is_empty() {
        let containers = resized;
        plan.actions.push(Action::Resize { containers });
    }
    // Whether every container before this one lets it start.
    let mut free = true;
    for (role, container) in &all {
        let it = facts.container(&container.name);
        for old in it.attempts.iter().skip(2) {
            if !round.is_begun_by(old) {
                plan.actions.push(Action::Forget { id: old.id.clone() });
            }
        }
        let done = match role {
            Role::Init if initialized => continue,
            Role::Main | Role::Ephemeral if !free => continue,
            Role::Init | Role::Sidecar if !free && !tried(container) => continue,
            _ => plan_one(pod, spec, facts, *role, container, it, sandbox, round, plan),
        };
        match role {
            Role::Init => free &= done,
            Role::Sidecar if !initialized => free &= done,
            _ => {}
        }
    }
}

/// The other limits of a running container, and its id.
fn limits(facts: &Facts, role: Role, container: &Container) -> Option<(String, Resources)> {
    let current = facts.container(&container.name).current()?;
    match resize::change(role, container, current) {
        Some(Change::Limits(wanted)) if current.state.is_running() => {
            Some((current.id.clone(), wanted))
        }
        _ => None,
    }
}

/// Plans one container; whether those after it may start.
#[allow(clippy::too_many_arguments)] // one row of the table above, not an interface
fn plan_one(
    pod: &Pod,
    spec: &PodSpec,
    facts: &Facts,
    role: Role,
    container: &Container,
    it: &ContainerFacts,
    sandbox: &str,
    round: Round,
    plan: &mut Plan,
) -> bool {
    let name = &container.name;
    let next = it.current().map_or(0, |it| it.config.attempt + 1);
    let Some(current) = it.current_in(sandbox) else {
        start(facts, it, name, next, plan);
        return false;
    };
    match &current.state {
        // Left by a start that never finished: it goes, and its attempt is made again.
        State::Created => {
            plan.actions.push(Action::Forget {
                id: current.id.clone(),
            });
            start(facts, it, name, current.config.attempt, plan);
            false
        }
        State::Running { .. } => {
            if let Some((message, grace)) = kill_reason(role, container, it, current) {
                plan.actions.push(Action::Kill {
                    name: name.clone(),
                    id: current.id.clone(),
                    message,
                    grace_seconds: grace.unwrap_or_else(|| grace_seconds(spec)),
                });
            }
            role == Role::Sidecar && it.memory.started
        }
        State::Exited(exit) => {
            let changed = image_changed(container, current);
            let over = round.is_over(current);
            if !(changed || over || restarts(spec, role, container, exit.code)) {
                return exit.code == 0;
            }
            if role == Role::Init && exit.code == 0 && !over {
                return true;
            }
            let killed = changed || resize::change(role, container, current).is_some();
            match crash_wait(it, exit.finished_at, facts.now).filter(|_| !killed) {
                Some((at, delay)) => {
                    let message = format!(
                        "back-off {} restarting failed container={name} pod={}",
                        go_duration(delay),
                        full_name(pod)
                    );
                    plan.waiting
                        .insert(name.clone(), ("CrashLoopBackOff".to_owned(), message));
                    plan.wake_at(at);
                }
                None => {
                    start(facts, it, name, next, plan);
                    plan.replaces |= changed && !plan.actions.is_empty();
                }
            }
            false
        }
    }
}

/// Whether a container that ended with `code` is started again.
pub(super) fn restarts(spec: &PodSpec, role: Role, container: &Container, code: i32) -> bool {
    let init = matches!(role, Role::Init | Role::Sidecar);
    role != Role::Ephemeral && pods::restarts_after(spec, container, init, code)
}

fn start(facts: &Facts, it: &ContainerFacts, name: &str, attempt: u32, plan: &mut Plan) {
    match it.memory.not_before.filter(|at| *at > facts.now) {
        Some(at) => {
            plan.wake_at(at);
            if let Some(waiting) = &it.memory.waiting {
                plan.waiting.insert(name.to_owned(), waiting.clone());
            }
        }
        None => plan.actions.push(Action::Start {
            name: name.to_owned(),
            attempt,
        }),
    }
}

fn image_changed(container: &Container, current: &Running) -> bool {
    let was = current
        .config
        .annotations
        .get(super::observe::ANNOTATION_IMAGE);
    was.is_some_and(|was| Some(was) != container.image.as_ref())
}

fn kill_reason(
    role: Role,
    container: &Container,
    it: &ContainerFacts,
    current: &Running,
) -> Option<(String, Option<i64>)> {
    if let Some((message, grace)) = &it.memory.kill {
        return Some((message.clone(), *grace));
    }
    if resize::change(role, container, current) == Some(Change::Restart) {
        let message = format!("Container {} resize requires restart", container.name);
        return Some((message, None));
    }
    let changed = matches!(role, Role::Main | Role::Sidecar) && image_changed(container, current);
    changed.then(|| {
        (
            format!(
                "Container {} definition changed, will be restarted",
                container.name
            ),
            None,
        )
    })
}

/// Until when a container that ended has to wait, and how long its back-off is.
fn crash_wait(
    it: &ContainerFacts,
    finished: Timestamp,
    now: Timestamp,
) -> Option<(Timestamp, Duration)> {
    let (crashes, last) = it.memory.crashes?;
    if finished.duration_since(last) > CRASH_FORGOTTEN {
        return None;
    }
    let delay = CRASH_BACKOFF.delay(crashes);
    let at = finished.checked_add(delay).unwrap_or(Timestamp::MAX);
    (at > now).then_some((at, delay))
}

/// The crashes to remember when a container that ended at `finished` is started again.
#[must_use]
pub fn count_crash(before: Option<(u32, Timestamp)>, finished: Timestamp) -> (u32, Timestamp) {
    match before {
        Some((count, last)) if finished.duration_since(last) <= CRASH_FORGOTTEN => {
            (count.saturating_add(1), finished)
        }
        _ => (0, finished),
    }
}

/// A duration of whole seconds as Go prints it: `10s`, `1m20s`, `5m0s`.
#[must_use]
pub fn go_duration(wait: Duration) -> String {
    let (minutes, seconds) = (wait.as_secs() / 60, wait.as_secs() % 60);
    if minutes == 0 {
        format!("{seconds}s")
    } else {
        format!("{minutes}m{seconds}s")
    }
}

#[cfg(test)]
mod tests;
