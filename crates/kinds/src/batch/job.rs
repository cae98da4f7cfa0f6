//! Pods that run to completion.

use crate::{
    Cell, Column, Context, Names, Strategy, Subresource, check, columns, pod_spec, prepare,
    workload,
};
use jiff::Timestamp;
use k8s_openapi::{api::batch::v1 as upstream, apimachinery::pkg::apis::meta::v1::LabelSelector};
use machinery::field::{Error, ErrorList, Path};

/// The law of Job.
pub(crate) struct Job;

const BACKOFF_LIMIT: i32 = 6;
/// Labels that tie pods to their job, new and old form.
const UID_LABELS: [&str; 2] = ["batch.kubernetes.io/controller-uid", "controller-uid"];
const NAME_LABELS: [&str; 2] = ["batch.kubernetes.io/job-name", "job-name"];

impl Strategy for Job {
    type Object = upstream::Job;

    fn names(&self) -> Names {
        Names::namespaced("jobs", "job").categories(&["all"])
    }

    fn default(&self, object: &mut upstream::Job) {
        if let Some(spec) = &mut object.spec {
            defaults(spec);
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut upstream::Job) {
        object.status = None;
        prepare::first_generation(&mut object.metadata);
        generate_selector(object);
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut upstream::Job, old: &upstream::Job) {
        new.status.clone_from(&old.status);
        prepare::next_generation(&mut new.metadata, &old.metadata, new.spec != old.spec);
    }

    fn prepare_for_subresource(
        &self,
        _: &str,
        _: &Context<'_>,
        new: &mut upstream::Job,
        old: &upstream::Job,
    ) {
        new.spec.clone_from(&old.spec);
        new.metadata.generation = old.metadata.generation;
    }

    fn validate(&self, object: &upstream::Job) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec");
        let empty = upstream::JobSpec::default();
        let spec = object.spec.as_ref().unwrap_or(&empty);
        if spec.selector.is_none() {
            errors.push(Error::required(&path.child("selector"), ""));
        }
        validate_spec(&mut errors, &path, spec);
        if let Some(selector) = &spec.selector {
            errors.extend(machinery::labels::validate(
                selector,
                &path.child("selector"),
            ));
            workload::matches(
                &mut errors,
                &path.child("template"),
                selector,
                &spec.template,
            );
        }
        errors
    }

    fn validate_update(&self, new: &upstream::Job, old: &upstream::Job) -> ErrorList {
        let mut errors = self.validate(new);
        let e = &mut errors;
        let path = Path::new("spec");
        if let (Some(new), Some(old)) = (&new.spec, &old.spec) {
            let indexed = new.completion_mode.as_deref() == Some("Indexed")
                && new.completions == new.parallelism;
            check::immutable(
                e,
                &path.child("completions"),
                indexed || new.completions == old.completions,
                serde_json::json!(new.completions),
            );
            check::immutable(
                e,
                &path.child("selector"),
                new.selector == old.selector,
                check::shown(new.selector.as_ref()),
            );
            let suspended = old.suspend == Some(true);
            let same = suspended || new.template == old.template;
            check::immutable(e, &path.child("template"), same, serde_json::json!({}));
            check::immutable(
                e,
                &path.child("completionMode"),
                new.completion_mode == old.completion_mode,
                new.completion_mode.clone().unwrap_or_default(),
            );
            check::immutable(
                e,
                &path.child("podFailurePolicy"),
                new.pod_failure_policy == old.pod_failure_policy,
                serde_json::json!({}),
            );
            check::immutable(
                e,
                &path.child("managedBy"),
                new.managed_by == old.managed_by,
                new.managed_by.clone().unwrap_or_default(),
            );
        }
        errors
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text("Status", "Status of the job."),
                Column::text("Completions", "The number of pods which reached phase Succeeded. The value increases monotonically for a given spec. However, it may decrease in reaction to scale down of elastic indexed jobs."),
                Column::text("Duration", "Time required to complete the job."),
                Column::AGE,
                Column::CONTAINERS,
                Column::IMAGES,
                Column::text("Selector", "A label query over pods that should match the pod count. Normally, the system sets this field for you. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors").wide(),
            ]
        }
    }

    fn row(&self, object: &upstream::Job, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.clone().unwrap_or_default();
        let status = object.status.clone().unwrap_or_default();
        let done = status.succeeded.unwrap_or(0);
        let completions = match (spec.completions, spec.parallelism.unwrap_or(0)) {
            (Some(wanted), _) => format!("{done}/{wanted}"),
            (None, parallel) if parallel > 1 => format!("{done}/1 of {parallel}"),
            (None, _) => format!("{done}/1"),
        };
        let duration = status
            .start_time
            .as_ref()
            .map_or_else(String::new, |start| {
                let end = status.completion_time.as_ref().map_or(now, |it| it.0);
                machinery::durations::human(end.as_second() - start.0.as_second())
            });
        let [containers, images] = columns::containers_and_images(spec.template.spec.as_ref());
        vec![
            columns::name(&object.metadata),
            state(object).into(),
            completions.into(),
            duration.into(),
            columns::age(&object.metadata, now),
            containers,
            images,
            machinery::labels::describe(spec.selector.as_ref()).into(),
        ]
    }

    fn selectable_fields(&self, object: &upstream::Job) -> Vec<(&'static str, String)> {
        let done = object
            .status
            .as_ref()
            .and_then(|it| it.succeeded)
            .unwrap_or(0);
        vec![("status.successful", done.to_string())]
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["status.successful"]
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("Job")] }
    }

    fn orphans_by_default(&self) -> bool {
        true
    }
}

/// Defaults of a job's spec, also in a CronJob's template.
pub(super) fn defaults(spec: &mut upstream::JobSpec) {
    if spec.completions.is_none() && spec.parallelism.is_none() {
        spec.completions = Some(1);
    }
    spec.parallelism.get_or_insert(1);
    spec.backoff_limit
        .get_or_insert(if spec.backoff_limit_per_index.is_some() {
            i32::MAX
        } else {
            BACKOFF_LIMIT
        });
    pod_spec::defaults::text(&mut spec.completion_mode, "NonIndexed");
    spec.suspend.get_or_insert(false);
    let policy = if spec.pod_failure_policy.is_some() {
        "Failed"
    } else {
        "TerminatingOrFailed"
    };
    pod_spec::defaults::text(&mut spec.pod_replacement_policy, policy);
    spec.manual_selector.get_or_insert(false);
    pod_spec::defaults::template(&mut spec.template);
}

/// Errors of a job's spec, also in a CronJob's template.
pub(super) fn validate_spec(e: &mut ErrorList, path: &Path, spec: &upstream::JobSpec) {
    for (field, value) in [
        ("parallelism", spec.parallelism.map(i64::from)),
        ("completions", spec.completions.map(i64::from)),
        ("activeDeadlineSeconds", spec.active_deadline_seconds),
        ("backoffLimit", spec.backoff_limit.map(i64::from)),
        (
            "ttlSecondsAfterFinished",
            spec.ttl_seconds_after_finished.map(i64::from),
        ),
    ] {
        check::not_negative(e, &path.child(field), value);
    }
    let modes = &["Indexed", "NonIndexed"];
    check::maybe_one_of(
        e,
        &path.child("completionMode"),
        spec.completion_mode.as_ref(),
        modes,
    );
    if spec.completion_mode.as_deref() == Some("Indexed") && spec.completions.is_none() {
        e.push(Error::required(
            &path.child("completions"),
            "when completion mode is Indexed",
        ));
    }
    e.extend(pod_spec::validate::template(
        &spec.template,
        &path.child("template"),
    ));
    let policy = spec
        .template
        .spec
        .as_ref()
        .and_then(|it| it.restart_policy.as_deref());
    let at = path.child("template").child("spec").child("restartPolicy");
    match policy.unwrap_or_default() {
        "Never" | "OnFailure" => {}
        "" | "Always" => e.push(Error::required(
            &at,
            r#"valid values: "OnFailure", "Never""#,
        )),
        other => e.push(Error::not_supported(&at, other, &["OnFailure", "Never"])),
    }
}

/// Unless the user manages the selector, it is the job's UID, which the template's labels carry.
fn generate_selector(object: &mut upstream::Job) {
    let Some(spec) = &mut object.spec else { return };
    if spec.manual_selector == Some(true) {
        return;
    }
    let name = object.metadata.name.clone().unwrap_or_default();
    let uid = object.metadata.uid.clone().unwrap_or_default();
    let labels = spec
        .template
        .metadata
        .get_or_insert_default()
        .labels
        .get_or_insert_default();
    for (keys, value) in [(NAME_LABELS, &name), (UID_LABELS, &uid)] {
        for key in keys {
            labels
                .entry(key.to_owned())
                .or_insert_with(|| value.clone());
        }
    }
    let selector = spec.selector.get_or_insert_with(LabelSelector::default);
    let wanted = selector.match_labels.get_or_insert_default();
    wanted.entry(UID_LABELS[0].to_owned()).or_insert(uid);
}

fn state(object: &upstream::Job) -> &'static str {
    let conditions = object.status.as_ref().and_then(|it| it.conditions.as_ref());
    let has = |kind: &str| {
        conditions
            .into_iter()
            .flatten()
            .any(|it| it.type_ == kind && it.status == "True")
    };
    if has("Complete") {
        "Complete"
    } else if has("Failed") {
        "Failed"
    } else if object.metadata.deletion_timestamp.is_some() {
        "Terminating"
    } else if has("Suspended") {
        "Suspended"
    } else if has("FailureTarget") {
        "FailureTarget"
    } else if has("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}
