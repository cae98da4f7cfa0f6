//! What pods use: themselves, and what they request of and are limited to on a node.

use crate::{
    pods,
    quantity::{Amounts, Format, Quantity, Wire, amounts},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, ResourceRequirements};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What nodes have and pods share.
const SHARED: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
const HUGE_PAGES: &str = "hugepages-";
const REQUESTS: &str = "requests.";
const LIMITS: &str = "limits.";

/// Of these a quota demands that every container says what it wants. Upstream calls that a mistake
/// and repeats it for nothing newer.
const DEMANDED: [&str; 6] = [
    "cpu",
    "memory",
    "requests.cpu",
    "requests.memory",
    "limits.cpu",
    "limits.memory",
];

pub(super) fn concerns(name: &str) -> bool {
    let of = |prefix: &str| name.strip_prefix(prefix);
    name == "pods"
        || SHARED.contains(&name)
        || of(LIMITS).is_some_and(|it| SHARED.contains(&it))
        || of(HUGE_PAGES).is_some()
        || of(REQUESTS)
            .is_some_and(|it| SHARED.contains(&it) || it.starts_with(HUGE_PAGES) || is_extended(it))
}

/// Whether a resource is somebody's own: it has a domain, and that is not Kubernetes'.
fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/") && !name.starts_with(REQUESTS)
}

/// Whether the pod still counts: it neither ended nor outstayed its grace.
fn is_charged(pod: &Pod, now: Timestamp) -> bool {
    !pods::is_terminal(pod) && outstays(pod).is_none_or(|at| now <= at)
}

/// When a pod that is being deleted stops to count, should its node not say that it is gone.
#[must_use]
pub fn outstays(pod: &Pod) -> Option<Timestamp> {
    let until = pod.metadata.deletion_timestamp.as_ref()?.0;
    let grace = pod.metadata.deletion_grace_period_seconds?;
    Some(until + Duration::from_secs(u64::try_from(grace).unwrap_or(0)))
}

pub(super) fn usage(pod: &Pod, now: Timestamp) -> Amounts {
    if !is_charged(pod, now) {
        return Amounts::new();
    }
    let mut used = named(&pods::requests(pod), &pods::limits(pod));
    used.insert(
        "pods".to_owned(),
        Quantity::from_units(1, Format::DecimalSi),
    );
    used
}

/// Requests and limits by the names that quotas have for them.
fn named(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut used = Amounts::new();
    for (name, amount) in requests {
        if SHARED.contains(&name.as_str()) || name.starts_with(HUGE_PAGES) {
            used.insert(name.clone(), *amount);
            used.insert(format!("{REQUESTS}{name}"), *amount);
        } else if is_extended(name) {
            used.insert(format!("{REQUESTS}{name}"), *amount);
        }
    }
    for (name, amount) in limits {
        if SHARED.contains(&name.as_str()) {
            used.insert(format!("{LIMITS}{name}"), *amount);
        }
    }
    used
}

/// Whether every container names what the quota bounds.
pub(super) fn demand(pod: &Pod, bounded: &BTreeSet<&str>) -> Result<(), String> {
    let Some(spec) = &pod.spec else {
        return Ok(());
    };
    let says = |resources: Option<&ResourceRequirements>| {
        let of = |list: Option<&BTreeMap<String, Wire>>| amounts(list);
        named(
            &of(resources.and_then(|it| it.requests.as_ref())),
            &of(resources.and_then(|it| it.limits.as_ref())),
        )
    };
    let whole = says(spec.resources.as_ref());
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let init = spec.init_containers.iter().flatten();
    for container in spec.containers.iter().chain(init) {
        let own = says(container.resources.as_ref());
        for name in DEMANDED {
            if bounded.contains(name) && !own.contains_key(name) && !whole.contains_key(name) {
                missing.entry(name).or_default().insert(&container.name);
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = missing
        .into_iter()
        .map(|(name, containers)| {
            let containers: Vec<&str> = containers.into_iter().collect();
            format!("{name} for: {}", containers.join(","))
        })
        .collect();
    Err(format!("must specify {}", texts.join("; ")))
}
