//! How many pods a budget expects, needs and may lose. Pure.

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::{
        core::v1::Pod,
        policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus},
    },
    apimachinery::pkg::{
        apis::meta::v1::{Condition as MetaCondition, Time},
        util::intstr::IntOrString,
    },
};
use machinery::{
    conditions::{self, Condition},
    int_or_string::{self, Round},
    pods,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How long an evicted pod may take until it shows that it is going.
const DELETION_LIMIT: SignedDuration = SignedDuration::from_secs(120);

/// What the pods' controllers ask for.
pub(super) struct Expected {
    pub(super) replicas: Result<i32, String>,
    /// Pods that nothing controls.
    pub(super) unmanaged: Vec<String>,
}

/// What to write and to tell.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) status: PodDisruptionBudgetStatus,
    /// Why nothing may be evicted.
    pub(super) failure: Option<String>,
    /// Whether the number rests on controllers although some pods have none.
    pub(super) unmanaged: bool,
    /// Evicted pods that did not go.
    pub(super) not_deleted: Vec<String>,
    pub(super) look_again: Option<Duration>,
}

/// The number of pods there should be and the number that must be well.
fn numbers(
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    expected: &Expected,
) -> Result<(i32, i32), String> {
    let Some(spec) = &budget.spec else {
        return Ok((0, 0));
    };
    let scaled = |value: &IntOrString, total: i32| {
        int_or_string::scaled(value, total, Round::Up).map_err(|it| it.to_string())
    };
    match (&spec.max_unavailable, &spec.min_available) {
        (Some(most), _) => {
            let replicas = expected.replicas.clone()?;
            let away = scaled(most, replicas)?;
            Ok((replicas, (replicas - away).max(0)))
        }
        (None, Some(IntOrString::Int(least))) => {
            Ok((i32::try_from(pods.len()).unwrap_or(i32::MAX), *least))
        }
        (None, Some(least)) => {
            let replicas = expected.replicas.clone()?;
            Ok((replicas, scaled(least, replicas)?))
        }
        (None, None) => Ok((0, 0)),
    }
}

/// Judges a budget by its pods.
pub(super) fn plan(
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    expected: &Expected,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan {
        status: budget.status.clone().unwrap_or_default(),
        ..Plan::default()
    };
    let (expected_pods, desired) = match numbers(budget, pods, expected) {
        Ok(numbers) => numbers,
        Err(failure) => {
            plan.status.disruptions_allowed = Some(0);
            set_condition(budget, &mut plan.status, "SyncFailed", &failure, now);
            plan.failure = Some(failure);
            return plan;
        }
    };
    let spec = budget.spec.as_ref();
    let counted = spec.and_then(|it| it.min_available.as_ref());
    let counted = matches!(counted, Some(IntOrString::Int(_)));
    plan.unmanaged = !counted && !expected.unmanaged.is_empty();
    let disrupted = disrupted(pods, now, &mut plan);
    let healthy = pods.iter().filter(|pod| {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        pods::is_ready(pod) && !pods::is_terminating(pod) && !disrupted.contains_key(name)
    });
    let healthy = i32::try_from(healthy.count()).unwrap_or(i32::MAX);
    let allowed = match expected_pods {
        ..=0 => 0,
        _ => (healthy - desired).max(0),
    };
    let status = &mut plan.status;
    status.current_healthy = Some(healthy);
    status.desired_healthy = Some(desired);
    status.expected_pods = Some(expected_pods);
    status.disruptions_allowed = Some(allowed);
    status.disrupted_pods = Some(disrupted).filter(|map| !map.is_empty());
    let reason = if allowed > 0 {
        "SufficientPods"
    } else {
        "InsufficientPods"
    };
    set_condition(budget, status, reason, "", now);
    plan
}

/// Evictions under way: of pods that exist, are not going yet, and were evicted not long ago.
fn disrupted(pods: &[Arc<Pod>], now: Timestamp, plan: &mut Plan) -> BTreeMap<String, Time> {
    let mut disrupted = plan.status.disrupted_pods.take().unwrap_or_default();
    disrupted.retain(|name, since| {
        let pod = pods
            .iter()
            .find(|pod| pod.metadata.name.as_ref() == Some(name));
        if pod.is_none_or(|pod| pods::is_terminating(pod)) {
            return false;
        }
        let left = DELETION_LIMIT - now.duration_since(since.0);
        let left = Duration::try_from(left).unwrap_or_default();
        if left.is_zero() {
            plan.not_deleted.push(name.clone());
            return false;
        }
        plan.look_again = Some(plan.look_again.map_or(left, |other| other.min(left)));
        true
    });
    disrupted
}

fn set_condition(
    budget: &PodDisruptionBudget,
    status: &mut PodDisruptionBudgetStatus,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let value = match reason {
        "SufficientPods" => conditions::TRUE,
        _ => conditions::FALSE,
    };
    status.observed_generation = budget.metadata.generation;
    let mut condition = MetaCondition::make("DisruptionAllowed", value, reason, message);
    condition.observed_generation = budget.metadata.generation;
    conditions::set(&mut status.conditions, condition, now);
}
