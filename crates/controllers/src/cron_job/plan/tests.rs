//! Tables of schedules, jobs and moments, and what a CronJob does.

use super::*;
use api::Object;
use serde_json::{Value, json};

fn cron_job(spec: Value, status: Value) -> CronJob {
    let mut tree = json!({"metadata": {"name": "c", "namespace": "d", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"schedule": "*/5 * * * *", "timeZone": "UTC", "jobTemplate": {"spec": {"template": {}}}}, "status": status});
    for (key, value) in spec.as_object().unwrap() {
        tree["spec"][key] = value.clone();
    }
    CronJob::decode(tree.to_string().as_bytes()).unwrap()
}

fn job(name: &str, end: &str) -> Arc<Job> {
    let conditions = match end {
        "" => json!([]),
        end => json!([{"type": end, "status": "True"}]),
    };
    let tree = json!({"metadata": {"name": name, "uid": name}, "spec": {"template": {}},
        "status": {"conditions": conditions, "completionTime": "2026-01-01T00:06:00Z"}});
    Arc::new(Job::decode(tree.to_string().as_bytes()).unwrap())
}

/// The reasons told and the name of the job started at seven past.
fn decide(spec: Value, status: Value, jobs: &[Arc<Job>]) -> (Vec<&'static str>, Option<String>) {
    let now = "2026-01-01T00:07:00Z".parse().unwrap();
    let plan = plan(&cron_job(spec, status), jobs, now);
    let started = plan.start.and_then(|(job, _)| job.metadata.name);
    (plan.told.iter().map(|it| it.1).collect(), started)
}

#[test]
fn jobs_start_once_for_each_time() {
    let name = || Some("c-29453765".to_owned());
    let active = json!({"active": [{"name": "a", "uid": "a"}]});
    let running = [job("a", "")];
    let none = json!({});
    let started = json!({"lastScheduleTime": "2026-01-01T00:05:00Z"});
    assert_eq!(decide(none.clone(), none.clone(), &[]), (vec![], name()));
    assert_eq!(decide(none.clone(), started, &[]), (vec![], None));
    assert_eq!(
        decide(json!({"suspend": true}), none.clone(), &[]),
        (vec![], None)
    );
    assert_eq!(
        decide(none.clone(), active.clone(), &running),
        (vec![], name())
    );
    let forbid = json!({"concurrencyPolicy": "Forbid"});
    let told = vec!["JobAlreadyActive"];
    assert_eq!(
        decide(forbid.clone(), active.clone(), &running),
        (told, None)
    );
    let told = vec!["SawCompletedJob"];
    assert_eq!(
        decide(forbid, active.clone(), &[job("a", "Complete")]),
        (told, name())
    );
    assert_eq!(
        decide(none.clone(), active, &[]),
        (vec!["MissingJob"], name())
    );
    assert_eq!(
        decide(none.clone(), none.clone(), &running).0,
        ["UnexpectedJob"]
    );
    let late = json!({"startingDeadlineSeconds": 60});
    assert_eq!(decide(late, none.clone(), &[]), (vec![], None));
    let nowhere = json!({"timeZone": "Nowhere"});
    assert_eq!(decide(nowhere, none, &[]), (vec!["UnknownTimeZone"], None));
}

#[test]
fn waits_replacement_and_history() {
    let now = "2026-01-01T00:07:00Z".parse().unwrap();
    let status = json!({"active": [{"name": "a", "uid": "a"}]});
    let spec = json!({"concurrencyPolicy": "Replace", "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 0});
    let jobs = [
        job("a", ""),
        job("b", "Complete"),
        job("c", "Complete"),
        job("d", "Failed"),
    ];
    let plan = plan(&cron_job(spec, status), &jobs, now);
    assert_eq!((plan.replace.len(), plan.start.is_some()), (1, true));
    assert_eq!(plan.forget, ["b", "d"]);
    assert_eq!(plan.look_again, Some(Duration::from_secs(180) + MARGIN));
    assert!(plan.status.last_successful_time.is_some());
    let (job, _) = plan.start.unwrap();
    let shown = workloads::annotation(&job.metadata, SCHEDULED_AT);
    assert_eq!(shown, Some("2026-01-01T00:05:00Z"));
}
