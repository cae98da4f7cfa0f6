//! Errors of Jobs: upstream's `ValidateJob`, and of their specs, which CronJobs hold as well.

mod policies;

pub(super) use policies::indexes;

use super::{NAME_LABELS, UID_LABELS};
use crate::{check, pod_spec, workload};
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use machinery::{
    field::{Error, ErrorList, Path},
    labels, names,
};

const INDEXED_PARALLELISM: i32 = 100_000;
const FAILED_INDEXES: i32 = 100_000;
/// Above so many completions the limits are lower.
const MANY_COMPLETIONS: i32 = 100_000;
const LIMIT_OF_MANY: i32 = 10_000;
const MANAGER_BYTES: usize = 63;

/// Errors of a job. `prefixed` says whether the labels with a domain must be there; old jobs lack them.
pub(super) fn job(job: &Job, prefixed: bool) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let path = Path::new("spec");
    let it = job.spec.clone().unwrap_or_default();
    generated(e, &path, job, &it, prefixed);
    spec(e, &path, &it);
    let at = path.child("selector");
    match &it.selector {
        None => {
            e.push(Error::required(&at, ""));
            workload::matches(
                e,
                &path.child("template"),
                &Default::default(),
                &it.template,
            );
        }
        Some(selector) => {
            e.extend(labels::validate(selector, &at));
            // A selector that is there but empty selects everything.
            if *selector != Default::default() {
                workload::matches(e, &path.child("template"), selector, &it.template);
            }
        }
    }
    let last = it.completions.filter(|it| *it > 0).map(|it| it - 1);
    if let (Some("Indexed"), Some(last)) = (it.completion_mode.as_deref(), last) {
        let name = job.metadata.name.as_deref().unwrap_or_default();
        let pod = format!("{name}-{last}");
        if !names::label_errors(&pod).is_empty() {
            let text = format!("will not able to create pod with invalid DNS label: {pod}");
            e.push(Error::invalid(
                &Path::new("metadata").child("name"),
                name,
                &text,
            ));
        }
    }
    errors
}

/// Labels and a selector made from the job's UID must be as they were made.
fn generated(e: &mut ErrorList, path: &Path, job: &Job, spec: &JobSpec, prefixed: bool) {
    let Some(selector) = spec
        .selector
        .as_ref()
        .filter(|_| spec.manual_selector != Some(true))
    else {
        return;
    };
    let uid = job.metadata.uid.clone().unwrap_or_default();
    let name = job.metadata.name.clone().unwrap_or_default();
    if uid.is_empty() {
        e.push(Error::required(&Path::new("metadata").child("uid"), ""));
    }
    let labels = spec
        .template
        .metadata
        .clone()
        .and_then(|it| it.labels)
        .unwrap_or_default();
    let mut expected = std::collections::BTreeMap::new();
    let old = [(UID_LABELS[1], &uid), (NAME_LABELS[1], &name)];
    let new = [(UID_LABELS[0], &uid), (NAME_LABELS[0], &name)];
    for (key, wanted) in old.into_iter().chain(new.into_iter().filter(|_| prefixed)) {
        expected.insert(key.to_owned(), wanted.clone());
        let path = path.child("template.metadata.labels").key(key);
        let text = format!("must be '{wanted}'");
        match labels.get(key) {
            None => e.push(Error::required(&path, &text)),
            Some(value) if value != wanted => {
                e.push(Error::invalid(&path, serde_json::json!(labels), &text));
            }
            Some(_) => {}
        }
    }
    let parsed = labels::Selector::from_typed(Some(selector));
    if parsed.is_ok_and(|it| !it.matches(Some(&expected))) {
        let shown = check::shown(Some(selector));
        e.push(Error::invalid(
            &path.child("selector"),
            shown,
            "`selector` not auto-generated",
        ));
    }
}

/// Errors of a job's spec, also in a CronJob's template.
pub(in crate::batch) fn spec(e: &mut ErrorList, path: &Path, it: &JobSpec) {
    for (field, value) in [
        ("parallelism", it.parallelism.map(i64::from)),
        ("completions", it.completions.map(i64::from)),
        ("activeDeadlineSeconds", it.active_deadline_seconds),
        ("backoffLimit", it.backoff_limit.map(i64::from)),
        (
            "ttlSecondsAfterFinished",
            it.ttl_seconds_after_finished.map(i64::from),
        ),
        (
            "backoffLimitPerIndex",
            it.backoff_limit_per_index.map(i64::from),
        ),
        ("maxFailedIndexes", it.max_failed_indexes.map(i64::from)),
    ] {
        check::not_negative(e, &path.child(field), value);
    }
    if it.max_failed_indexes.is_some() && it.backoff_limit_per_index.is_none() {
        let at = path.child("backoffLimitPerIndex");
        e.push(Error::required(&at, "when maxFailedIndexes is specified"));
    }
    if let Some(manager) = &it.managed_by {
        manager_name(e, &path.child("managedBy"), manager);
    }
    mode(e, path, it);
    policies::failure(e, &path.child("podFailurePolicy"), it);
    if let Some(policy) = &it.success_policy {
        let at = path.child("successPolicy");
        if it.completion_mode.as_deref() == Some("Indexed") {
            policies::success(e, &at, it, policy);
        } else {
            let shown = serde_json::json!({});
            e.push(Error::invalid(
                &at,
                shown,
                "requires indexed completion mode",
            ));
        }
    }
    policies::replacement(e, &path.child("podReplacementPolicy"), it);
    e.extend(pod_spec::validate::template(
        &it.template,
        &path.child("template"),
    ));
    restarts(e, &path.child("template.spec.restartPolicy"), it);
}

/// `acme.io/foo`.
fn manager_name(e: &mut ErrorList, path: &Path, name: &str) {
    if !check::required(e, path, Some(&name.to_owned())) {
        return;
    }
    check::domain_prefixed_path(e, path, name);
    if name.len() > MANAGER_BYTES {
        e.push(Error::too_long(path, MANAGER_BYTES));
    }
}

fn mode(e: &mut ErrorList, path: &Path, it: &JobSpec) {
    let mode = it.completion_mode.as_deref();
    if let Some(other) = mode.filter(|it| !matches!(*it, "NonIndexed" | "Indexed")) {
        let at = path.child("completionMode");
        e.push(Error::not_supported(&at, other, &["NonIndexed", "Indexed"]));
    }
    if mode == Some("Indexed") {
        indexed(e, path, it);
    }
    if matches!(mode, None | Some("NonIndexed")) {
        for (field, value) in [
            ("backoffLimitPerIndex", it.backoff_limit_per_index),
            ("maxFailedIndexes", it.max_failed_indexes),
        ] {
            if let Some(value) = value {
                let text = "requires indexed completion mode";
                e.push(Error::invalid(&path.child(field), value, text));
            }
        }
    }
}

fn indexed(e: &mut ErrorList, path: &Path, it: &JobSpec) {
    let failed_at = path.child("maxFailedIndexes");
    let parallel_at = path.child("parallelism");
    let parallel = it.parallelism.unwrap_or(0);
    if it.completions.is_none() {
        let text = "when completion mode is Indexed";
        e.push(Error::required(&path.child("completions"), text));
    }
    if parallel > INDEXED_PARALLELISM {
        let text = format!(
            "must be less than or equal to {INDEXED_PARALLELISM} when completion mode is Indexed"
        );
        e.push(Error::invalid(&parallel_at, parallel, &text));
    }
    let failed = it.max_failed_indexes.unwrap_or(0);
    if it.completions.is_some_and(|it| failed > it) {
        e.push(Error::invalid(
            &failed_at,
            failed,
            "must be less than or equal to completions",
        ));
    }
    if failed > FAILED_INDEXES {
        let text = format!("must be less than or equal to {FAILED_INDEXES}");
        e.push(Error::invalid(&failed_at, failed, &text));
    }
    let many = it.completions.is_some_and(|it| it > MANY_COMPLETIONS);
    if many && it.backoff_limit_per_index.is_some() {
        if it.max_failed_indexes.is_none() {
            let text = format!("must be specified when completions is above {MANY_COMPLETIONS}");
            e.push(Error::required(&failed_at, &text));
        }
        let text = format!(
            "must be less than or equal to {LIMIT_OF_MANY} when completions are above {MANY_COMPLETIONS} and used with backoff limit per index"
        );
        for (at, value) in [(&parallel_at, parallel), (&failed_at, failed)] {
            if value > LIMIT_OF_MANY {
                e.push(Error::invalid(at, value, &text));
            }
        }
    }
}

/// A job's pods end.
fn restarts(e: &mut ErrorList, path: &Path, it: &JobSpec) {
    let spec = it.template.spec.as_ref();
    let policy = spec
        .and_then(|it| it.restart_policy.as_deref())
        .unwrap_or_default();
    match policy {
        "" | "Always" => e.push(Error::required(
            path,
            r#"valid values: "OnFailure", "Never""#,
        )),
        "OnFailure" if it.pod_failure_policy.is_some() => {
            let text = r#"only "Never" is supported when podFailurePolicy is specified"#;
            e.push(Error::invalid(path, policy, text));
        }
        "OnFailure" | "Never" => {}
        other => e.push(Error::not_supported(path, other, &["OnFailure", "Never"])),
    }
}
