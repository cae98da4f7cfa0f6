//! What a pod asks of its node and which class of service that gives it.

use super::{BEST_EFFORT, BURSTABLE, GUARANTEED, is_sidecar};
use crate::quantity::{Amounts, Wire, add_all, amounts, max_all};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ResourceRequirements};
use std::collections::BTreeMap;

type Pick = fn(&ResourceRequirements) -> Option<&BTreeMap<String, Wire>>;

/// What the scheduler reserves: containers and sidecars together, or an init container that needs
/// more beside the sidecars started before it; replaced by pod-level requests; plus overhead.
#[must_use]
pub fn requests(pod: &Pod) -> Amounts {
    pod.spec
        .as_ref()
        .map(|spec| {
            let mut sum = total(spec, |it| it.requests.as_ref());
            add_all(&mut sum, &amounts(spec.overhead.as_ref()));
            sum
        })
        .unwrap_or_default()
}

/// The same sum of limits; overhead only adds to resources that have a limit.
#[must_use]
pub fn limits(pod: &Pod) -> Amounts {
    let Some(spec) = &pod.spec else {
        return Amounts::new();
    };
    let mut sum = total(spec, |it| it.limits.as_ref());
    for (name, amount) in amounts(spec.overhead.as_ref()) {
        if let Some(limit) = sum.get_mut(&name) {
            *limit += amount;
        }
    }
    sum
}

fn total(spec: &PodSpec, pick: Pick) -> Amounts {
    let mut sum = of_containers(spec, pick);
    for (name, amount) in amounts(spec.resources.as_ref().and_then(pick)) {
        sum.insert(name, amount);
    }
    sum
}

/// What the containers of a spec request together, whatever the pod as a whole asks for: upstream's
/// `AggregateContainerRequests`.
#[must_use]
pub fn container_requests(spec: &PodSpec) -> Amounts {
    of_containers(spec, |it| it.requests.as_ref())
}

fn of_containers(spec: &PodSpec, pick: Pick) -> Amounts {
    let of = |container: &Container| amounts(container.resources.as_ref().and_then(pick));
    let mut sum = Amounts::new();
    for container in &spec.containers {
        add_all(&mut sum, &of(container));
    }
    let (mut sidecars, mut highest) = (Amounts::new(), Amounts::new());
    for container in spec.init_containers.iter().flatten() {
        let own = of(container);
        if is_sidecar(container) {
            add_all(&mut sum, &own);
            add_all(&mut sidecars, &own);
            max_all(&mut highest, &sidecars);
        } else {
            let mut together = own;
            add_all(&mut together, &sidecars);
            max_all(&mut highest, &together);
        }
    }
    max_all(&mut sum, &highest);
    sum
}

/// `Guaranteed`, `Burstable` or `BestEffort`, computed from the spec.
#[must_use]
pub fn qos_class(pod: &Pod) -> &'static str {
    let Some(spec) = &pod.spec else {
        return BEST_EFFORT;
    };
    let pod_level = spec
        .resources
        .as_ref()
        .filter(|it| it.requests.is_some() || it.limits.is_some());
    let resources: Vec<Option<&ResourceRequirements>> = match pod_level {
        Some(own) => vec![Some(own)],
        None => spec
            .containers
            .iter()
            .chain(spec.init_containers.iter().flatten())
            .map(|it| it.resources.as_ref())
            .collect(),
    };
    let counted = |list: Option<&BTreeMap<String, Wire>>| {
        let mut found = amounts(list);
        found.retain(|name, amount| matches!(name.as_str(), "cpu" | "memory") && !amount.is_zero());
        found
    };
    let (mut requested, mut limited, mut guaranteed) = (Amounts::new(), Amounts::new(), true);
    for each in resources {
        let limits = counted(each.and_then(|it| it.limits.as_ref()));
        guaranteed &= limits.len() == 2;
        add_all(
            &mut requested,
            &counted(each.and_then(|it| it.requests.as_ref())),
        );
        add_all(&mut limited, &limits);
    }
    if requested.is_empty() && limited.is_empty() {
        BEST_EFFORT
    } else if guaranteed && requested == limited {
        GUARANTEED
    } else {
        BURSTABLE
    }
}
