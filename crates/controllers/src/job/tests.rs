//! Tables of jobs with their pods, and what is planned for them.

use super::{
    end,
    plan::{Plan, plan},
};
use api::Object;
use jiff::Timestamp;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use serde_json::{Value, json};
use std::sync::Arc;

fn job(spec: Value) -> Job {
    let mut tree = json!({"metadata": {"name": "pi", "namespace": "d", "uid": "u"}, "spec": {
        "parallelism": 1, "completions": 1, "backoffLimit": 6, "selector": {"matchLabels": {"j": "u"}},
        "template": {"metadata": {"labels": {"j": "u"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c"}]}}}});
    for (key, value) in spec.as_object().unwrap() {
        tree["spec"][key] = value.clone();
    }
    Job::decode(tree.to_string().as_bytes()).unwrap()
}

fn pod(uid: &str, phase: &str, index: Option<i32>) -> Arc<Pod> {
    let annotations = match index {
        Some(index) => json!({"batch.kubernetes.io/job-completion-index": index.to_string()}),
        None => json!({}),
    };
    let tree = json!({"metadata": {"name": uid, "namespace": "d", "uid": uid, "labels": {"j": "u"}, "annotations": annotations,
        "finalizers": ["batch.kubernetes.io/job-tracking"]}, "spec": {"containers": []},
        "status": {"phase": phase, "containerStatuses": [{"name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": if phase == "Failed" { json!({"terminated": {"exitCode": 3, "finishedAt": "2026-01-01T00:00:00Z"}}) } else { json!({}) }}]}});
    Arc::new(Pod::decode(tree.to_string().as_bytes()).unwrap())
}

fn freed(pod: &Arc<Pod>) -> Arc<Pod> {
    let mut pod = (**pod).clone();
    pod.metadata.finalizers = None;
    Arc::new(pod)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn decide(job: &Job, pods: &[Arc<Pod>]) -> Plan {
    plan(
        job,
        job.spec.as_ref().unwrap(),
        pods,
        at("2026-01-01T00:01:00Z"),
    )
}

fn has(plan: &Plan, kind: &str) -> bool {
    machinery::conditions::is_true(plan.status.conditions.as_ref(), kind)
}

#[test]
fn a_completion_is_counted_once() {
    let mut job = job(json!({}));
    let first = decide(&job, &[]);
    assert_eq!((first.create.len(), first.status.active), (1, Some(1)));
    assert_eq!(
        first.create[0].metadata.finalizers.as_deref(),
        Some(&["batch.kubernetes.io/job-tracking".to_owned()][..])
    );
    job.status = Some(first.status);
    let done = pod("a", "Succeeded", None);
    let counted = decide(&job, std::slice::from_ref(&done));
    assert_eq!(counted.free.len(), 1);
    assert!(has(&counted, "SuccessCriteriaMet") && !has(&counted, "Complete"));
    assert_eq!(counted.status.succeeded, None);
    job.status = Some(counted.status);
    // The same sight again: nothing more to write.
    let again = decide(&job, std::slice::from_ref(&done));
    assert_eq!(Some(&again.status), job.status.as_ref());
    let ended = decide(&job, &[freed(&done)]);
    assert!(has(&ended, "Complete") && ended.ended.is_some());
    assert_eq!(ended.status.succeeded, Some(1));
    assert!(ended.status.completion_time.is_some());
    job.status = Some(ended.status);
    assert!(end(&job).is_some());
}

#[test]
fn failures_back_off_and_end_the_job() {
    let mut job = job(json!({"backoffLimit": 1}));
    let first = pod("a", "Failed", None);
    let near = plan(
        &job,
        job.spec.as_ref().unwrap(),
        std::slice::from_ref(&first),
        at("2026-01-01T00:00:04Z"),
    );
    assert_eq!(
        (near.create.len(), near.look_again),
        (0, Some(std::time::Duration::from_secs(6)))
    );
    let later = decide(&job, std::slice::from_ref(&first));
    assert_eq!((later.create.len(), later.free.len()), (1, 1));
    job.status = Some(later.status);
    let both = [
        freed(&first),
        pod("b", "Failed", None),
        pod("c", "Running", None),
    ];
    let over = decide(&job, &both);
    assert!(has(&over, "FailureTarget") && !has(&over, "Failed"));
    assert_eq!((over.delete.len(), over.free.len()), (1, 2));
    job.status = Some(over.status);
    let ended = decide(&job, &[freed(&first)]);
    let reason = ended.ended.unwrap().reason;
    assert_eq!(reason.as_deref(), Some("BackoffLimitExceeded"));
    assert_eq!(ended.status.failed, Some(3));
}

#[test]
fn indexes_run_once_each() {
    let mut job = job(json!({"completionMode": "Indexed", "completions": 3, "parallelism": 2}));
    let first = decide(&job, &[]);
    let indexes: Vec<_> = first
        .create
        .iter()
        .map(|pod| {
            pod.metadata.labels.as_ref().unwrap()["batch.kubernetes.io/job-completion-index"]
                .clone()
        })
        .collect();
    assert_eq!(indexes, ["0", "1"]);
    assert_eq!(
        first.create[1].spec.as_ref().unwrap().hostname.as_deref(),
        Some("pi-1")
    );
    let pods = [pod("a", "Succeeded", Some(0)), pod("b", "Running", Some(1))];
    let next = decide(&job, &pods);
    assert_eq!(next.status.completed_indexes.as_deref(), Some("0"));
    assert_eq!(next.status.succeeded, Some(1));
    let names: Vec<_> = next
        .create
        .iter()
        .map(|pod| pod.metadata.generate_name.clone().unwrap())
        .collect();
    assert_eq!(names, ["pi-2-"]);
    job.status = Some(next.status);
    let twins = [pod("b", "Running", Some(1)), pod("c", "Running", Some(1))];
    assert_eq!(decide(&job, &twins).delete.len(), 1);
}

#[test]
fn an_index_gives_up_after_its_own_limit() {
    let job = job(
        json!({"completionMode": "Indexed", "completions": 2, "parallelism": 2, "backoffLimitPerIndex": 0}),
    );
    let pods = [pod("a", "Failed", Some(0)), pod("b", "Running", Some(1))];
    let plan = decide(&job, &pods);
    assert_eq!(plan.status.failed_indexes.as_deref(), Some("0"));
    assert!(plan.create.is_empty() && plan.delete.is_empty());
    let pods = [pod("a", "Failed", Some(0)), pod("b", "Succeeded", Some(1))];
    let plan = decide(&job, &pods);
    assert!(has(&plan, "FailureTarget"));
}

#[test]
fn an_index_is_tried_again_with_its_failures_remembered() {
    let job = job(
        json!({"completionMode": "Indexed", "completions": 1, "backoffLimitPerIndex": 2, "backoffLimit": 100}),
    );
    let plan = decide(&job, &[pod("a", "Failed", Some(0))]);
    assert_eq!(
        (plan.create.len(), plan.free.len()),
        (1, 0),
        "kept until its successor exists"
    );
    let annotations = plan.create[0].metadata.annotations.as_ref().unwrap();
    assert_eq!(
        annotations["batch.kubernetes.io/job-index-failure-count"],
        "1"
    );
}

#[test]
fn suspension_deadline_and_policy() {
    let suspended = job(json!({"suspend": true}));
    let plan = decide(&suspended, &[pod("a", "Running", None)]);
    assert_eq!((plan.delete.len(), plan.turned), (1, Some("Suspended")));
    assert_eq!(plan.status.start_time, None);

    let mut late = job(json!({"activeDeadlineSeconds": 30}));
    late.status.get_or_insert_default().start_time = Some(
        k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at("2026-01-01T00:00:00Z")),
    );
    let plan = decide(&late, &[pod("a", "Running", None)]);
    assert!(has(&plan, "FailureTarget"));
    assert_eq!(plan.delete.len(), 1);

    let rule = |action: &str| {
        job(json!({"podFailurePolicy": {"rules": [{"action": action,
        "onExitCodes": {"operator": "In", "values": [3]}}]}}))
    };
    let failed = [pod("a", "Failed", None)];
    let plan = decide(&rule("FailJob"), &failed);
    let message = &plan.status.conditions.as_ref().unwrap()[0].message;
    assert_eq!(
        message.as_deref(),
        Some("Container c for pod d/a failed with exit code 3 matching FailJob rule at index 0")
    );
    let plan = decide(&rule("Ignore"), &failed);
    let uncounted = plan.status.uncounted_terminated_pods.unwrap();
    assert_eq!((uncounted.failed, plan.create.len()), (None, 1));
}
