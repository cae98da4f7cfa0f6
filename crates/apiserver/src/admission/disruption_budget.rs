//! PodDisruptionBudgets: an eviction spends one allowed disruption, or waits. Upstream: the eviction
//! subresource of pods.

use crate::{
    Door,
    verbs::{ATTEMPTS, Call, Committed, change::Current, stored_bytes},
};
use k8s_openapi::{
    api::{core::v1::Pod, policy::v1::PodDisruptionBudget},
    apimachinery::pkg::apis::meta::v1::Time,
};
use machinery::{
    labels::Selector,
    status::{Cause, Status},
};
use store::{Condition, Transaction};

const GROUP: &str = "policy";
const PLURAL: &str = "poddisruptionbudgets";

/// Takes one disruption from the budget that selects the pod.
pub(crate) async fn spend(
    door: &Door,
    call: &Call,
    current: &Current,
    dry_run: bool,
) -> Result<(), Status> {
    let Some(pod) = current.view.downcast_ref::<Pod>() else {
        return Ok(());
    };
    if machinery::pods::is_terminal(pod) {
        return Ok(());
    }
    for _ in 0..ATTEMPTS {
        door.cache.catch_up().await;
        let review = call.review(door, crate::admission::Operation::Delete, None, None, false);
        let mut matching: Vec<PodDisruptionBudget> = review.all(&call.target.namespace);
        matching.retain(|budget| selects(budget, pod));
        let Some(mut budget) = matching.first().cloned() else {
            return Ok(());
        };
        if matching.len() > 1 {
            return Err(Status::internal(
                &"This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            ));
        }
        let name = budget.metadata.name.clone().unwrap_or_default();
        let revision = budget
            .metadata
            .resource_version
            .as_deref()
            .and_then(|it| it.parse().ok())
            .unwrap_or(0);
        let mut status = budget.status.take().unwrap_or_default();
        let allowed = status.disruptions_allowed.unwrap_or(0);
        if allowed <= 0 {
            return Err(refused(
                &name,
                status.desired_healthy.unwrap_or(0),
                status.current_healthy.unwrap_or(0),
            ));
        }
        if dry_run {
            return Ok(());
        }
        status.disruptions_allowed = Some(allowed - 1);
        status.disrupted_pods.get_or_insert_default().insert(
            call.target.name.clone(),
            Time(stdx::clock::whole_seconds(call.now)),
        );
        budget.status = Some(status);
        let Some(key) = review.key(GROUP, PLURAL, &call.target.namespace, &name) else {
            return Ok(());
        };
        let transaction = Transaction::put(&key, stored_bytes(&mut budget))
            .when(Condition::AtRevision(key.clone(), revision));
        if let Committed::At(_) = door.commit(transaction, super::Claims::default()).await? {
            return Ok(());
        }
    }
    Err(Status::too_many_requests(
        "the disruption budget is being changed by others; please try again",
        1,
    ))
}

fn selects(budget: &PodDisruptionBudget, pod: &Pod) -> bool {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    Selector::from_typed(selector).is_ok_and(|it| it.matches(pod.metadata.labels.as_ref()))
}

fn refused(name: &str, desired: i32, current: i32) -> Status {
    let mut status = Status::too_many_requests(
        "Cannot evict pod as it would violate the pod's disruption budget.",
        0,
    );
    if let Some(details) = &mut status.details {
        details.causes.push(Cause {
            reason: "DisruptionBudget".to_owned(),
            message: format!("The disruption budget {name} needs {desired} healthy pods and has {current} currently"),
            ..Cause::default()
        });
    }
    status
}
