//! Whether a container that ended is started again, and what with it. Upstream: `ContainerShouldRestart`,
//! `AllContainersCouldRestart`.

use super::effective_restart_policy;
use k8s_openapi::api::core::v1::{Container, ContainerRestartRule, PodSpec};

/// The action of a rule that starts every container of the pod anew.
const RESTART_ALL: &str = "RestartAllContainers";

/// Whether a container that ended with `code` is started again: its own rules come before its policy.
#[must_use]
pub fn restarts_after(spec: &PodSpec, container: &Container, init: bool, code: i32) -> bool {
    if rule(container, code).is_some() {
        return true;
    }
    match effective_restart_policy(spec, container, init) {
        "Always" => true,
        "OnFailure" => code != 0,
        _ => false,
    }
}

/// Whether the container's end with `code` starts every container of its pod anew, whatever their policies.
#[must_use]
pub fn restarts_all_after(container: &Container, code: i32) -> bool {
    rule(container, code).is_some_and(|rule| rule.action == RESTART_ALL)
}

/// Whether some end of a container can start every container of the pod anew.
#[must_use]
pub fn may_restart_all(spec: &PodSpec) -> bool {
    let init = spec.init_containers.iter().flatten();
    init.chain(&spec.containers)
        .flat_map(|it| it.restart_policy_rules.iter().flatten())
        .any(|rule| rule.action == RESTART_ALL)
}

/// The first rule that speaks of this exit code.
fn rule(container: &Container, code: i32) -> Option<&ContainerRestartRule> {
    let mut rules = container.restart_policy_rules.iter().flatten();
    rules.find(|rule| {
        rule.exit_codes.as_ref().is_some_and(|it| {
            let listed = it.values.iter().flatten().any(|value| *value == code);
            match it.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                _ => false,
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;
    use k8s_openapi::api::core::v1::Pod;

    #[test]
    fn rules_come_before_policies() {
        for (own, pod, code, again, all) in [
            ("", "Always", 0, true, false),
            ("", "OnFailure", 0, false, false),
            ("", "Never", 1, false, false),
            (r#","restartPolicy":"Never""#, "Always", 1, false, false),
            (r#","restartPolicy":"OnFailure""#, "Never", 1, true, false),
            (r#","restartPolicy":"OnFailure""#, "Always", 0, false, false),
            (
                r#","restartPolicy":"Never","restartPolicyRules":[{"action":"Restart","exitCodes":{"operator":"In","values":[42]}}]"#,
                "Never",
                42,
                true,
                false,
            ),
            (
                r#","restartPolicy":"Never","restartPolicyRules":[{"action":"Restart","exitCodes":{"operator":"In","values":[42]}}]"#,
                "Always",
                43,
                false,
                false,
            ),
            (
                r#","restartPolicy":"Never","restartPolicyRules":[{"action":"RestartAllContainers","exitCodes":{"operator":"NotIn","values":[0]}}]"#,
                "Never",
                1,
                true,
                true,
            ),
            (
                r#","restartPolicy":"Never","restartPolicyRules":[{"action":"Restart","exitCodes":{"operator":"In","values":[1]}},{"action":"RestartAllContainers","exitCodes":{"operator":"NotIn","values":[0]}}]"#,
                "Never",
                1,
                true,
                false,
            ),
        ] {
            let text = format!(
                r#"{{"spec":{{"restartPolicy":"{pod}","containers":[{{"name":"c"{own}}}]}}}}"#
            );
            let spec = Pod::decode(text.as_bytes()).unwrap().spec.unwrap();
            let container = &spec.containers[0];
            assert_eq!(
                (
                    restarts_after(&spec, container, false, code),
                    restarts_all_after(container, code)
                ),
                (again, all),
                "{text} {code}"
            );
            assert_eq!(
                may_restart_all(&spec),
                own.contains("RestartAllContainers"),
                "{text}"
            );
        }
    }
}
