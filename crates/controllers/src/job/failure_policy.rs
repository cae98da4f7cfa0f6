//! What a job's pod failure policy says about one failed pod. Pure. Upstream: `pod_failure_policy.go`.

use k8s_openapi::api::{
    batch::v1::{
        Job, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern,
        PodFailurePolicyRule,
    },
    core::v1::{ContainerStatus, Pod},
};
use machinery::pods;

/// The rule that a failed pod meets.
#[derive(Debug, PartialEq)]
pub(super) struct Met {
    /// `FailJob`, `FailIndex`, `Ignore` or `Count`.
    pub(super) action: String,
    /// Upstream's sentence about it.
    pub(super) message: String,
}

/// The first rule that the failed pod meets.
pub(super) fn first_met(job: &Job, pod: &Pod) -> Option<Met> {
    if pods::phase(pod) != "Failed" {
        return None;
    }
    let policy = job.spec.as_ref()?.pod_failure_policy.as_ref()?;
    policy.rules.iter().enumerate().find_map(|(index, rule)| {
        let what = exit_code(rule, pod).or_else(|| pod_condition(rule, pod))?;
        Some(Met {
            action: rule.action.clone(),
            message: format!("{what} matching {} rule at index {index}", rule.action),
        })
    })
}

fn exit_code(rule: &PodFailurePolicyRule, pod: &Pod) -> Option<String> {
    let wanted = rule.on_exit_codes.as_ref()?;
    let status = pod.status.as_ref()?;
    let all = status.container_statuses.iter().flatten();
    all.chain(status.init_container_statuses.iter().flatten())
        .filter(|container| {
            wanted
                .container_name
                .as_ref()
                .is_none_or(|name| *name == container.name)
        })
        .find_map(|container| {
            let code = failing_code(wanted, container)?;
            let (name, pod) = (&container.name, pods::key(pod));
            Some(format!(
                "Container {name} for pod {pod} failed with exit code {code}"
            ))
        })
}

/// The exit code of a container that failed in a way that the requirement names.
fn failing_code(
    wanted: &PodFailurePolicyOnExitCodesRequirement,
    container: &ContainerStatus,
) -> Option<i32> {
    let code = container
        .state
        .as_ref()?
        .terminated
        .as_ref()
        .map(|it| it.exit_code)?;
    let listed = wanted.values.contains(&code);
    (code != 0 && listed == (wanted.operator == "In")).then_some(code)
}

fn pod_condition(rule: &PodFailurePolicyRule, pod: &Pod) -> Option<String> {
    let wanted = rule.on_pod_conditions.as_ref()?;
    let meets = |pattern: &PodFailurePolicyOnPodConditionsPattern| {
        let status = pattern.status.as_deref().unwrap_or("True");
        pods::condition(pod, &pattern.type_).is_some_and(|it| it.status == status)
    };
    let met = wanted.iter().find(|pattern| meets(pattern))?;
    let kind = &met.type_;
    Some(format!("Pod {} has condition {kind}", pods::key(pod)))
}
