//! Tables of budgets and pods, and how many may go.

use super::*;
use api::Object;
use serde_json::{Value, json};

fn budget(spec: Value, disrupted: Value) -> PodDisruptionBudget {
    let tree = json!({"metadata": {"name": "b", "namespace": "d", "generation": 3}, "spec": spec,
        "status": {"disruptedPods": disrupted, "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0}});
    PodDisruptionBudget::decode(tree.to_string().as_bytes()).unwrap()
}

fn pods(ready: &[bool]) -> Vec<Arc<Pod>> {
    let pod = |(index, ready): (usize, &bool)| {
        let status = if *ready { "True" } else { "False" };
        let tree = json!({"metadata": {"name": format!("p{index}")},
            "status": {"conditions": [{"type": "Ready", "status": status}]}});
        Arc::new(Pod::decode(tree.to_string().as_bytes()).unwrap())
    };
    ready.iter().enumerate().map(pod).collect()
}

fn decide(spec: Value, ready: &[bool], replicas: i32, disrupted: Value) -> Plan {
    let expected = Expected {
        replicas: Ok(replicas),
        unmanaged: Vec::new(),
    };
    let now = "2026-01-01T00:01:00Z".parse().unwrap();
    plan(&budget(spec, disrupted), &pods(ready), &expected, now)
}

/// Expected, desired, healthy, allowed.
fn numbers(plan: &Plan) -> [i32; 4] {
    let status = &plan.status;
    [
        status.expected_pods,
        status.desired_healthy,
        status.current_healthy,
        status.disruptions_allowed,
    ]
    .map(|it| it.unwrap_or(-1))
}

#[test]
fn budgets() {
    let table = [
        (
            json!({"minAvailable": 2}),
            &[true, true, true][..],
            9,
            [3, 2, 3, 1],
        ),
        (
            json!({"minAvailable": "50%"}),
            &[true, true, true],
            3,
            [3, 2, 3, 1],
        ),
        (
            json!({"maxUnavailable": 1}),
            &[true, true, true],
            3,
            [3, 2, 3, 1],
        ),
        (
            json!({"maxUnavailable": 1}),
            &[true, true, false],
            3,
            [3, 2, 2, 0],
        ),
        (
            json!({"maxUnavailable": "34%"}),
            &[true, true, true],
            3,
            [3, 1, 3, 2],
        ),
        (json!({"maxUnavailable": 5}), &[true], 1, [1, 0, 1, 1]),
        (json!({"minAvailable": 0}), &[], 0, [0, 0, 0, 0]),
    ];
    for (spec, ready, replicas, wanted) in table {
        let plan = decide(spec.clone(), ready, replicas, json!({}));
        assert_eq!(numbers(&plan), wanted, "{spec}");
        let condition = &plan.status.conditions.as_ref().unwrap()[0];
        let reason = match wanted[3] {
            0 => "InsufficientPods",
            _ => "SufficientPods",
        };
        assert_eq!(condition.reason, reason);
        assert_eq!(condition.observed_generation, Some(3));
    }
}

#[test]
fn evictions_under_way_count_as_gone() {
    let spec = || json!({"minAvailable": 1});
    let fresh = json!({"p0": "2026-01-01T00:00:30Z", "gone": "2026-01-01T00:00:30Z"});
    let plan = decide(spec(), &[true, true], 2, fresh);
    assert_eq!(numbers(&plan), [2, 1, 1, 0]);
    assert_eq!(
        plan.status.disrupted_pods.as_ref().map(BTreeMap::len),
        Some(1)
    );
    assert_eq!(plan.look_again, Some(Duration::from_secs(90)));
    let stale = json!({"p0": "2025-01-01T00:00:00Z"});
    let plan = decide(spec(), &[true, true], 2, stale);
    assert_eq!(numbers(&plan), [2, 1, 2, 1]);
    assert_eq!(plan.not_deleted, ["p0"]);
}

#[test]
fn unknown_controllers_allow_nothing() {
    let expected = Expected {
        replicas: Err("found no controllers for pod \"p0\"".to_owned()),
        unmanaged: Vec::new(),
    };
    let budget = budget(json!({"maxUnavailable": 1}), json!({}));
    let now = "2026-01-01T00:01:00Z".parse().unwrap();
    let plan = plan(&budget, &pods(&[true]), &expected, now);
    assert_eq!(plan.status.disruptions_allowed, Some(0));
    assert_eq!(plan.status.conditions.unwrap()[0].reason, "SyncFailed");
}
