//! Requests and limits as cgroup settings, and how willing the kernel should be to kill
//! (upstream: `kuberuntime_container_linux.go`, `cm/helpers_linux.go`, `qos/policy.go`).

use k8s_openapi::api::core::v1::{Container, Pod};
use machinery::{
    pods,
    quantity::{self, Amounts, Quantity},
};
use runtime::container::Resources;

const MIN_SHARES: i64 = 2;
const MAX_SHARES: i64 = 262_144;
const PERIOD_MICROSECONDS: i64 = 100_000;
const MIN_QUOTA_MICROSECONDS: i64 = 1000;
const SYSTEM_CRITICAL_PRIORITY: i32 = 2_000_000_000;

/// The weight of so many thousandths of a processor.
#[must_use]
pub fn cpu_shares(milli: i64) -> u64 {
    let shares = (milli.max(0).saturating_mul(1024) / 1000).clamp(MIN_SHARES, MAX_SHARES);
    shares.unsigned_abs()
}

/// The quota of so many thousandths of a processor in a period of 100 ms.
#[must_use]
pub fn cpu_quota(milli: i64) -> Option<i64> {
    (milli > 0)
        .then(|| (milli.saturating_mul(PERIOD_MICROSECONDS) / 1000).max(MIN_QUOTA_MICROSECONDS))
}

fn settings(requests: &Amounts, limits: &Amounts) -> Resources {
    let milli = |amounts: &Amounts| amounts.get("cpu").map(|it| it.milli_value());
    // Upstream: without a request the limit counts as one.
    let request = milli(requests).or_else(|| milli(limits)).unwrap_or(0);
    let quota = milli(limits).and_then(cpu_quota);
    Resources {
        cpu_shares: Some(cpu_shares(request)),
        cpu_quota: quota,
        cpu_period: quota.map(|_| PERIOD_MICROSECONDS.unsigned_abs()),
        memory_limit_bytes: limits
            .get("memory")
            .map(|it| it.value())
            .filter(|it| *it > 0),
        ..Resources::default()
    }
}

/// A container's cgroup.
#[must_use]
pub fn of_container(container: &Container) -> Resources {
    let wanted = container.resources.as_ref();
    settings(
        &quantity::amounts(wanted.and_then(|it| it.requests.as_ref())),
        &quantity::amounts(wanted.and_then(|it| it.limits.as_ref())),
    )
}

/// The pod's cgroup: a limit holds for the whole only if every container has one.
#[must_use]
pub fn of_pod(pod: &Pod, pids_limit: Option<i64>) -> Resources {
    let (requests, mut limits) = (pods::requests(pod), pods::limits(pod));
    let spec = pod.spec.as_ref();
    let pod_level = spec
        .and_then(|it| it.resources.as_ref())
        .and_then(|it| it.limits.as_ref());
    limits.retain(|name, _| {
        pod_level.is_some_and(|it| it.contains_key(name))
            || super::field_ref::containers(pod).all(|container| has_limit(container, name))
    });
    let mut all = if pods::qos_class(pod) == "BestEffort" {
        Resources {
            cpu_shares: Some(MIN_SHARES.unsigned_abs()),
            ..Resources::default()
        }
    } else {
        settings(&requests, &limits)
    };
    all.pids_limit = pids_limit;
    all
}

fn has_limit(container: &Container, name: &str) -> bool {
    let limits = container
        .resources
        .as_ref()
        .and_then(|it| it.limits.as_ref());
    limits
        .and_then(|it| it.get(name))
        .is_some_and(|it| Quantity::from_wire(it).is_ok_and(|it| !it.is_zero()))
}

/// `/kubepods/burstable/pod<uid>`.
#[must_use]
pub fn cgroup_path(root: &str, pod: &Pod) -> String {
    let uid = pod.metadata.uid.as_deref().unwrap_or_default();
    match pods::qos_class(pod) {
        "Guaranteed" => format!("{root}/pod{uid}"),
        class => format!("{root}/{}/pod{uid}", class.to_ascii_lowercase()),
    }
}

/// The kernel's badness adjustment.
#[must_use]
pub fn oom_score_adj(pod: &Pod, container: &Container, memory_capacity: i64) -> i32 {
    let priority = pod.spec.as_ref().and_then(|it| it.priority).unwrap_or(0);
    if priority >= SYSTEM_CRITICAL_PRIORITY {
        return -997;
    }
    match pods::qos_class(pod) {
        "Guaranteed" => return -997,
        "BestEffort" => return 1000,
        _ => {}
    }
    let requests = container
        .resources
        .as_ref()
        .and_then(|it| it.requests.as_ref());
    let memory = quantity::amounts(requests)
        .get("memory")
        .map_or(0, |it| it.value());
    let score = 1000 - memory.saturating_mul(1000) / memory_capacity.max(1);
    // Above guaranteed pods and below best-effort ones.
    i32::try_from(score.clamp(3, 999)).unwrap_or(999)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;

    fn pod(resources: &str) -> Pod {
        let text = format!(
            r#"{{"metadata":{{"uid":"u"}},"spec":{{"containers":[{{"name":"c","resources":{resources}}}]}}}}"#
        );
        Pod::decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn settings_by_class() {
        const GIB: i64 = 1 << 30;
        let both = r#"{"cpu":"500m","memory":"1Gi"}"#;
        for (resources, path, shares, quota, memory, score) in [
            ("{}".to_owned(), "/k/besteffort/podu", 2, None, None, 1000),
            (
                r#"{"requests":{"cpu":"100m","memory":"1Gi"}}"#.to_owned(),
                "/k/burstable/podu",
                102,
                None,
                None,
                750,
            ),
            (
                format!(r#"{{"requests":{both},"limits":{both}}}"#),
                "/k/podu",
                512,
                Some(50_000),
                Some(GIB),
                -997,
            ),
            (
                r#"{"requests":{"cpu":"1m"},"limits":{"cpu":"5m"}}"#.to_owned(),
                "/k/burstable/podu",
                2,
                Some(1000),
                None,
                999,
            ),
        ] {
            let pod = pod(&resources);
            let container = &pod.spec.as_ref().unwrap().containers[0];
            let cgroup = of_container(container);
            assert_eq!(cgroup_path("/k", &pod), path);
            assert_eq!(
                (
                    cgroup.cpu_shares,
                    cgroup.cpu_quota,
                    cgroup.memory_limit_bytes
                ),
                (Some(shares), quota, memory)
            );
            assert_eq!(
                oom_score_adj(&pod, container, 4 * GIB),
                score,
                "{resources}"
            );
            let whole = of_pod(&pod, Some(10));
            assert_eq!(
                (whole.cpu_quota, whole.memory_limit_bytes, whole.pids_limit),
                (quota, memory, Some(10))
            );
        }
    }
}
