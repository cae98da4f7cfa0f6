//! Rounds of a pod: a container whose end matches a rule with `RestartAllContainers` begins a new one, in which every
//! container starts anew in the same sandbox, whatever its policy and however it ended (upstream:
//! `ShouldAllContainersRestart`, `getContainersToReset`). Told from what the machine has, so that a kubelet that is
//! started in the middle goes on.

use super::{
    Role, containers,
    observe::{Facts, finished_at},
    plan::Action,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use machinery::pods;
use runtime::container::{Container, State};

/// The present round; the first has no beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round(Option<Timestamp>);

impl Round {
    /// It began with the latest end that asked for it.
    pub(super) fn of(pod: &Pod, facts: &Facts) -> Self {
        if !pod.spec.as_ref().is_some_and(pods::may_restart_all) {
            return Self(None);
        }
        let all = containers(pod);
        let ends = all.iter().flat_map(|(_, container)| {
            let attempts = facts.container(&container.name).attempts.iter();
            attempts.filter_map(|it| match &it.state {
                State::Exited(exit) if pods::restarts_all_after(container, exit.code) => {
                    Some(exit.finished_at)
                }
                _ => None,
            })
        });
        Self(ends.max())
    }

    /// Whether the attempt is of a former round.
    pub(super) fn is_over(self, attempt: &Container) -> bool {
        self.0.is_some_and(|begin| {
            attempt.created_at < begin || finished_at(attempt).is_some_and(|end| end <= begin)
        })
    }

    /// Whether this round began with the end of this attempt, which must be remembered as long as the round lasts.
    pub(super) fn is_begun_by(self, attempt: &Container) -> bool {
        self.0.is_some() && finished_at(attempt) == self.0
    }

    /// Whether nothing was started in it yet.
    pub(super) fn begins(self, pod: &Pod, facts: &Facts) -> bool {
        self.0.is_some()
            && members(pod).all(|name| {
                let current = facts.container(&name).current();
                current.is_none_or(|it| self.is_over(it))
            })
    }

    /// Ends what is left of the former rounds: at once, without hooks.
    pub(super) fn rest(self, pod: &Pod, facts: &Facts) -> Vec<Action> {
        let rest = members(pod).filter_map(|name| {
            let current = facts.container(&name).current()?;
            let left = current.state.is_running() && self.is_over(current);
            left.then(|| Action::Kill {
                id: current.id.clone(),
                message: format!("Container {name} will be restarted with its pod"),
                name,
                grace_seconds: 0,
            })
        });
        rest.collect()
    }
}

/// Ephemeral containers are not restarted.
fn members(pod: &Pod) -> impl Iterator<Item = String> {
    let all = containers(pod).into_iter();
    all.filter(|(role, _)| *role != Role::Ephemeral)
        .map(|(_, it)| it.name.clone())
}
