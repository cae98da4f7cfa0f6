//! What a controller may say of a job: upstream's `ValidateJobStatusUpdate`. Most rules hold only for what
//! the update changes, so that a status from before a rule can still be written.

use super::validate::indexes;
use crate::workload;
use k8s_openapi::{
    api::batch::v1::{Job, JobSpec, JobStatus},
    apimachinery::pkg::apis::meta::v1::Time,
};
use machinery::{
    conditions,
    field::{Error, ErrorList, Path, Value},
};
use std::collections::BTreeSet;

/// One status and what the rules ask of it.
struct View<'a> {
    it: &'a JobStatus,
}

impl View<'_> {
    fn is(&self, kind: &str) -> bool {
        conditions::is_true(self.it.conditions.as_ref(), kind)
    }

    fn finished(&self) -> bool {
        self.is("Complete") || self.is("Failed")
    }
}

/// `Invalid value: text`, of a value that is not shown.
fn refuse(e: &mut ErrorList, path: &Path, wrong: bool, text: &str) {
    if wrong {
        let mut error = Error::invalid(path, "", text);
        error.message = format!("Invalid value: {text}");
        e.push(error);
    }
}

/// Errors of a status.
pub(super) fn validate(new: &Job, old: &Job) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let path = Path::new("status");
    let spec = new.spec.clone().unwrap_or_default();
    let (now, before) = (
        new.status.clone().unwrap_or_default(),
        old.status.clone().unwrap_or_default(),
    );
    let (now, before) = (View { it: &now }, View { it: &before });
    let wide = |it: Option<i32>| it.map(i64::from);
    let table = [
        ("active", wide(now.it.active)),
        ("succeeded", wide(now.it.succeeded)),
        ("failed", wide(now.it.failed)),
        ("ready", wide(now.it.ready)),
        ("terminating", wide(now.it.terminating)),
    ];
    workload::counts(e, &path, &table);
    uncounted(e, &path.child("uncountedTerminatedPods"), now.it);
    outcome(e, &path.child("conditions"), &now, &before, &spec);
    times(e, &path, &now, &before);
    finished(e, &path, &now, &before);
    index_lists(e, &path, &now, &before, &spec);
    only_grows(e, &path, &now, &before, &spec);
    errors
}

fn uncounted(e: &mut ErrorList, path: &Path, it: &JobStatus) {
    let pods = it.uncounted_terminated_pods.clone().unwrap_or_default();
    let mut taken = BTreeSet::new();
    for (field, list) in [("succeeded", pods.succeeded), ("failed", pods.failed)] {
        for (index, uid) in list.into_iter().flatten().enumerate() {
            let path = path.child(field).index(index);
            if uid.is_empty() {
                e.push(Error::invalid(&path, uid, "must not be empty"));
            } else if !taken.insert(uid.clone()) {
                e.push(Error::duplicate(&path, uid));
            }
        }
    }
}

fn outcome(e: &mut ErrorList, path: &Path, now: &View<'_>, before: &View<'_>, spec: &JobSpec) {
    let turned = |kind: &str| now.is(kind) != before.is(kind);
    let (complete, failed) = (now.is("Complete"), now.is("Failed"));
    let (met, target) = (now.is("SuccessCriteriaMet"), now.is("FailureTarget"));
    for (matters, wrong, text) in [
        (
            turned("Complete") || turned("Failed"),
            complete && failed,
            "cannot set Complete=True and Failed=true conditions",
        ),
        (
            turned("Complete") || turned("FailureTarget"),
            complete && target,
            "cannot set Complete=True and FailureTarget=true conditions",
        ),
        (
            turned("Failed") || turned("FailureTarget"),
            failed && !target,
            "cannot set Failed=True condition without the FailureTarget=true condition",
        ),
        (
            turned("Complete") || turned("SuccessCriteriaMet"),
            complete && !met,
            "cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
        ),
        (
            true,
            met && failed,
            "cannot set SuccessCriteriaMet=True and Failed=true conditions",
        ),
        (
            true,
            met && target,
            "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions",
        ),
        (
            spec.success_policy.is_some(),
            complete && !met,
            "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True",
        ),
        (
            true,
            before.is("SuccessCriteriaMet") && !met,
            "cannot disable the SuccessCriteriaMet=True condition",
        ),
        (
            before.is("Complete") && !before.is("SuccessCriteriaMet"),
            met,
            "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions",
        ),
    ] {
        refuse(e, path, matters && wrong, text);
    }
    for kind in ["Failed", "Complete", "FailureTarget"] {
        let text = format!("cannot disable the terminal {kind}=True condition");
        refuse(e, path, before.is(kind) && !now.is(kind), &text);
    }
}

fn shown(time: Option<&Time>) -> serde_json::Value {
    serde_json::json!(time.map(|it| machinery::durations::rfc3339(it.0)))
}

fn times(e: &mut ErrorList, path: &Path, now: &View<'_>, before: &View<'_>) {
    let (start, end) = (now.it.start_time.as_ref(), now.it.completion_time.as_ref());
    let started = before.it.start_time.as_ref() != start;
    let ended = before.it.completion_time.as_ref() != end;
    let turned = now.is("Complete") != before.is("Complete");
    let at = path.child("completionTime");
    if (turned || ended) && end.is_some() && !now.is("Complete") {
        let text = "cannot set completionTime when there is no Complete=True condition";
        e.push(Error::invalid(&at, shown(end), text));
    }
    if (turned || ended) && end.is_none() && now.is("Complete") {
        e.push(Error::required(
            &at,
            "completionTime is required for Complete jobs",
        ));
    }
    if (started || ended) && start.zip(end).is_some_and(|(start, end)| end.0 < start.0) {
        e.push(Error::invalid(
            &at,
            shown(end),
            "must be equal to or after `startTime`",
        ));
    }
    if ended && end.is_some() && before.it.completion_time.is_some() {
        e.push(Error::invalid(&at, shown(end), "field is immutable"));
    }
}

fn finished(e: &mut ErrorList, path: &Path, now: &View<'_>, before: &View<'_>) {
    let turned = now.finished() != before.finished();
    let over = now.finished();
    let (it, was) = (now.it, before.it);
    let active = it.active.unwrap_or(0);
    if (turned || it.active != was.active) && active > 0 && over {
        let text = "active>0 is invalid for finished job";
        e.push(Error::invalid(&path.child("active"), active, text));
    }
    if (turned || it.start_time != was.start_time) && it.start_time.is_none() && over {
        let text = "startTime is required for finished job";
        e.push(Error::required(&path.child("startTime"), text));
    }
    let pods = it.uncounted_terminated_pods.clone().unwrap_or_default();
    let some = |it: &Option<Vec<String>>| it.as_ref().is_some_and(|it| !it.is_empty());
    let left = some(&pods.failed) || some(&pods.succeeded);
    let changed = it.uncounted_terminated_pods != was.uncounted_terminated_pods;
    if (turned || changed) && over && left {
        let shown = Value::fields([
            ("Succeeded", serde_json::json!(pods.succeeded).into()),
            ("Failed", serde_json::json!(pods.failed).into()),
        ]);
        let at = path.child("uncountedTerminatedPods");
        e.push(Error::invalid(&at, shown, "must be empty for finished job"));
    }
    let going = it.terminating.unwrap_or(0);
    if (turned || it.terminating != was.terminating) && going > 0 && over {
        let text = "terminating>0 is invalid for finished job";
        e.push(Error::invalid(&path.child("terminating"), going, text));
    }
    let ready = it.ready.unwrap_or(0);
    if (it.ready != was.ready || it.active != was.active) && ready > active {
        let text = "cannot set more ready pods than active";
        e.push(Error::invalid(&path.child("ready"), ready, text));
    }
}

fn index_lists(e: &mut ErrorList, path: &Path, now: &View<'_>, before: &View<'_>, spec: &JobSpec) {
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let (done, failed) = (text(&now.it.completed_indexes), &now.it.failed_indexes);
    let done_changed = done != text(&before.it.completed_indexes);
    let failed_changed = *failed != before.it.failed_indexes;
    let (done_at, failed_at) = (path.child("completedIndexes"), path.child("failedIndexes"));
    let count = spec.completions;
    let why = |list: &str| count.and_then(|count| indexes(list, count).err());
    if let Some(why) = why(&done).filter(|_| done_changed) {
        let text = format!("error parsing completedIndexes: {why}");
        e.push(Error::invalid(&done_at, &done, &text));
    }
    if let Some(failed) = failed.as_ref().filter(|_| failed_changed) {
        if spec.backoff_limit_per_index.is_none() {
            let text = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
            e.push(Error::invalid(&failed_at, failed, text));
        } else if let Some(why) = why(failed) {
            let text = format!("error parsing failedIndexes: {why}");
            e.push(Error::invalid(&failed_at, failed, &text));
        }
    }
    let indexed = spec.completion_mode.as_deref() == Some("Indexed");
    if done_changed && !done.is_empty() && !indexed {
        let text = "cannot set non-empty completedIndexes when non-indexed completion mode";
        e.push(Error::invalid(&done_at, &done, text));
    }
    if let (Some(failed), Some(count)) = (failed, count)
        && (done_changed || failed_changed)
        && let (Ok(done), Ok(list)) = (indexes(&done, count), indexes(failed, count))
    {
        let both = done
            .iter()
            .flat_map(|done| list.iter().map(move |failed| (done, failed)));
        let mut both = both.filter(|(done, failed)| done.0 <= failed.1 && failed.0 <= done.1);
        if let Some((done, list)) = both.next() {
            let at = done.0.max(list.0);
            let text = format!("failedIndexes and completedIndexes overlap at index: {at}");
            e.push(Error::invalid(&failed_at, failed, &text));
        }
    }
}

fn only_grows(e: &mut ErrorList, path: &Path, now: &View<'_>, before: &View<'_>, spec: &JobSpec) {
    let (it, was) = (now.it, before.it);
    let count = |it: Option<i32>| it.unwrap_or(0);
    if count(it.failed) < count(was.failed) {
        let text = "cannot decrease the failed counter";
        e.push(Error::invalid(
            &path.child("failed"),
            count(it.failed),
            text,
        ));
    }
    // A job that shrinks forgets indexes that were done.
    let elastic =
        spec.completion_mode.as_deref() == Some("Indexed") && spec.completions == spec.parallelism;
    if !elastic && count(it.succeeded) < count(was.succeeded) {
        let text = "cannot decrease the succeeded counter";
        e.push(Error::invalid(
            &path.child("succeeded"),
            count(it.succeeded),
            text,
        ));
    }
    let moved = was.start_time.is_some() && was.start_time != it.start_time;
    if moved && spec.suspend != Some(true) {
        let text = "startTime cannot be removed for unsuspended job";
        e.push(Error::required(&path.child("startTime"), text));
    }
}
