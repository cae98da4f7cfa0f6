//! Jobs: defaults, errors, what may change, statuses.

use super::*;
use api::Object;
use machinery::field::ErrorList;
use serde_json::{Value, json};

fn merged(mut into: Value, from: Value) -> Value {
    for (key, value) in from.as_object().unwrap() {
        into[key] = value.clone();
    }
    into
}

/// A new job as the door would store it.
fn job(changes: Value, status: Value) -> upstream::Job {
    let spec = json!({"template": {"metadata": {"labels": {"app": "a"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}}});
    let json = json!({"metadata": {"name": "x", "uid": "u"}, "spec": merged(spec, changes)});
    let mut it = upstream::Job::decode(json.to_string().as_bytes()).unwrap();
    Job.default(&mut it);
    generate_selector(&mut it);
    take_labels(&mut it);
    let status = json!({"metadata": {}, "status": status}).to_string();
    it.status = upstream::Job::decode(status.as_bytes()).unwrap().status;
    it
}

fn shown(errors: &ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn defaults_are_upstreams() {
    let it = job(json!({}), json!({}));
    let spec = it.spec.unwrap();
    assert_eq!(
        (spec.completions, spec.parallelism, spec.backoff_limit),
        (Some(1), Some(1), Some(6))
    );
    assert_eq!(
        spec.pod_replacement_policy.as_deref(),
        Some("TerminatingOrFailed")
    );
    let labels: Vec<_> = it.metadata.labels.unwrap().into_keys().collect();
    let expected = [
        "app",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-name",
        "controller-uid",
        "job-name",
    ];
    assert_eq!(labels, expected);
    let own = spec.template.metadata.unwrap().labels.unwrap();
    assert_eq!(
        (
            own["batch.kubernetes.io/controller-uid"].as_str(),
            own["job-name"].as_str()
        ),
        ("u", "x")
    );
}

#[test]
fn errors_are_upstreams() {
    let check = |changes: Value, expected: &[&str]| {
        assert_eq!(shown(&Job.validate(&job(changes, json!({})))), expected)
    };
    check(json!({}), &[]);
    check(
        json!({"parallelism": -1, "backoffLimitPerIndex": 1}),
        &[
            "spec.parallelism: Invalid value: -1: must be greater than or equal to 0",
            "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode",
        ],
    );
    check(json!({"completionMode": "Indexed"}), &[]);
    check(
        json!({"completionMode": "Indexed", "parallelism": 100_001, "completions": null}),
        &[
            "spec.completions: Required value: when completion mode is Indexed",
            "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed",
        ],
    );
    check(
        json!({"managedBy": "x"}),
        &[
            r#"spec.managedBy: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")"#,
        ],
    );
    check(
        json!({"successPolicy": {"rules": []}}),
        &["spec.successPolicy: Invalid value: {}: requires indexed completion mode"],
    );
    check(
        json!({"completionMode": "Indexed", "completions": 3, "successPolicy": {"rules": [{"succeededIndexes": "0-1", "succeededCount": 3}, {"succeededIndexes": "2,1"}]}}),
        &[
            "spec.successPolicy.rules[0].succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)",
            r#"spec.successPolicy.rules[1].succeededIndexes: Invalid value: "2,1": error parsing succeededIndexes: non-increasing order, previous: 2, current: 1"#,
        ],
    );
    check(
        json!({"podFailurePolicy": {"rules": [{"action": "Retry"}, {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [3, 0]}}]}}),
        &[
            r#"spec.podFailurePolicy.rules[0].action: Unsupported value: "Retry": supported values: "Count", "FailIndex", "FailJob", "Ignore""#,
            "spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required",
            "spec.podFailurePolicy.rules[1].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator",
            "spec.podFailurePolicy.rules[1].onExitCodes.values: Invalid value: [3,0]: must be ordered",
        ],
    );
    let always = json!({"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}});
    check(
        always,
        &[
            r#"spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never""#,
        ],
    );
    let stolen = json!({"template": {"metadata": {"labels": {"controller-uid": "other"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}});
    let errors = shown(&Job.validate(&job(stolen, json!({}))));
    assert!(
        errors[0].starts_with("spec.template.metadata.labels[controller-uid]: Invalid value: ")
            && errors[0].ends_with("must be 'u'")
    );
}

#[test]
fn what_may_change() {
    let check = |new: Value, old: Value, status: Value, expected: &[&str]| {
        let errors = Job.validate_update(&job(new, status.clone()), &job(old, status));
        let short = |it: String| it.split(": Invalid value").next().unwrap().to_owned();
        assert_eq!(
            shown(&errors).into_iter().map(short).collect::<Vec<_>>(),
            expected
        );
    };
    let steered = |selector: &str, suspend: bool| {
        json!({"suspend": suspend, "template": {"spec": {"nodeSelector": {"a": selector}, "restartPolicy": "Never",
            "containers": [{"name": "c", "image": "i:1", "resources": {"requests": {"cpu": selector}}}]}}})
    };
    check(
        steered("1", false),
        steered("2", false),
        json!({}),
        &["spec.template"],
    );
    check(steered("1", true), steered("2", true), json!({}), &[]);
    let began = json!({"startTime": "2024-01-01T00:00:00Z"});
    check(
        steered("1", true),
        steered("2", true),
        began,
        &["spec.template"],
    );
    let paused = json!({"startTime": "2024-01-01T00:00:00Z", "conditions": [{"type": "Suspended", "status": "True"}]});
    check(steered("1", true), steered("2", true), paused, &[]);
    check(
        json!({"completions": 2}),
        json!({"completions": 1}),
        json!({}),
        &["spec.completions"],
    );
    let elastic =
        |count| json!({"completionMode": "Indexed", "completions": count, "parallelism": count});
    check(elastic(2), elastic(1), json!({}), &[]);
    check(
        json!({"parallelism": 2, "backoffLimit": 1}),
        json!({}),
        json!({}),
        &["spec.completions"],
    );
}

#[test]
fn statuses() {
    let check = |new: Value, old: Value, expected: &[&str]| {
        let errors = Job.validate_subresource("status", &job(json!({}), new), &job(json!({}), old));
        assert_eq!(shown(&errors), expected);
    };
    let condition = |kind: &str| json!({"type": kind, "status": "True"});
    let done = json!({"startTime": "2024-01-01T00:00:00Z", "completionTime": "2024-01-01T00:00:01Z", "succeeded": 1,
        "conditions": [condition("SuccessCriteriaMet"), condition("Complete")]});
    check(
        done.clone(),
        json!({"startTime": "2024-01-01T00:00:00Z"}),
        &[],
    );
    check(
        merged(
            done.clone(),
            json!({"active": 1, "conditions": [condition("Complete")]}),
        ),
        json!({"startTime": "2024-01-01T00:00:00Z"}),
        &[
            "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
            "status.active: Invalid value: 1: active>0 is invalid for finished job",
        ],
    );
    check(
        json!({"startTime": "2024-01-01T00:00:00Z", "succeeded": 1}),
        done,
        &[
            "status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition",
            "status.conditions: Invalid value: cannot disable the terminal Complete=True condition",
        ],
    );
    check(
        json!({"failed": 1, "ready": 1}),
        json!({"failed": 2}),
        &[
            "status.ready: Invalid value: 1: cannot set more ready pods than active",
            "status.failed: Invalid value: 1: cannot decrease the failed counter",
        ],
    );
    check(
        json!({"completedIndexes": "1"}),
        json!({}),
        &[
            r#"status.completedIndexes: Invalid value: "1": error parsing completedIndexes: too large index: "1""#,
            r#"status.completedIndexes: Invalid value: "1": cannot set non-empty completedIndexes when non-indexed completion mode"#,
        ],
    );
}
