//! Schedules, time zones, names.

use super::*;
use api::Object;
use serde_json::{Value, json};

fn cron_job(changes: Value) -> upstream::CronJob {
    let mut spec = json!({"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]}}}}});
    for (key, value) in changes.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let json = json!({"metadata": {"name": "x"}, "spec": spec}).to_string();
    let mut it = upstream::CronJob::decode(json.as_bytes()).unwrap();
    CronJob.default(&mut it);
    it
}

fn shown(errors: &ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn schedules() {
    for good in [
        "@hourly",
        "@every 90s",
        "0 0 1,15 * mon-FRI",
        "3/5 * * * *",
        "0 0 ? jan *",
    ] {
        assert_eq!(schedule::parse(good), Ok(()), "{good}");
    }
    for (bad, why) in [
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("@never", "unrecognized descriptor: @never"),
        ("61 * * * *", "end of range (61) above maximum (59): 61"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        (
            "5-1 * * * *",
            "beginning of range (5) beyond end of range (1): 5-1",
        ),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("*/2/3 * * * *", "too many slashes: */2/3"),
        (
            "*/0 * * * *",
            "step of range should be a positive number: */0",
        ),
        (
            "x * * * *",
            r#"failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax"#,
        ),
        ("", "empty spec string"),
    ] {
        assert_eq!(schedule::parse(bad), Err(why.to_owned()));
    }
}

/// As the real thing stores it: only the pods' template has its defaults.
#[test]
fn defaults_leave_the_job_to_the_job() {
    let job = cron_job(json!({})).spec.job_template.spec.unwrap();
    assert_eq!(
        job.template.spec.unwrap().dns_policy.unwrap(),
        "ClusterFirst"
    );
    let template = Default::default();
    assert_eq!(upstream::JobSpec { template, ..job }, Default::default());
}

#[test]
fn errors_are_upstreams() {
    let check = |changes: Value, expected: &[&str]| {
        assert_eq!(shown(&CronJob.validate(&cron_job(changes))), expected)
    };
    check(json!({}), &[]);
    check(json!({"schedule": ""}), &["spec.schedule: Required value"]);
    check(
        json!({"schedule": "TZ=UTC 0 * * * *"}),
        &[
            r#"spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead"#,
        ],
    );
    check(
        json!({"timeZone": "Europe/Nowhere"}),
        &[r#"spec.timeZone: Invalid value: "Europe/Nowhere": unknown time zone Europe/Nowhere"#],
    );
    check(
        json!({"timeZone": ""}),
        &[r#"spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string"#],
    );
    check(
        json!({"timeZone": "Europe/Berlin", "concurrencyPolicy": "Maybe", "startingDeadlineSeconds": -1}),
        &[
            "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
            r#"spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace""#,
        ],
    );
    let mut long = cron_job(json!({}));
    long.metadata.name = Some("a".repeat(53));
    assert_eq!(
        shown(&CronJob.validate(&long)),
        [format!(
            "metadata.name: Invalid value: {:?}: must be no more than 52 bytes",
            "a".repeat(53)
        )]
    );
    assert_eq!(CronJob.validate_update(&long, &long), []);
}

#[test]
fn a_zone_in_the_schedule_may_stay() {
    let old = cron_job(json!({"schedule": "TZ=UTC 0 * * * *"}));
    assert_eq!(CronJob.validate_update(&old, &old), []);
    let both = cron_job(json!({"schedule": "TZ=UTC 0 * * * *", "timeZone": "UTC"}));
    assert_eq!(
        shown(&CronJob.validate_update(&both, &old)),
        [
            r#"spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule"#
        ]
    );
}
