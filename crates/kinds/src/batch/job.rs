//! Pods that run to completion.

mod status;
#[cfg(test)]
mod tests;
mod update;
pub(super) mod validate;

use crate::{
    Cell, Column, Context, Names, Strategy, Subresource, columns, pod_spec, prepare, workload,
};
use jiff::Timestamp;
use k8s_openapi::{api::batch::v1 as upstream, apimachinery::pkg::apis::meta::v1::LabelSelector};
use machinery::field::{ErrorList, Path};
use std::collections::BTreeMap;

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
        object.status = Some(Default::default());
        prepare::first_generation(&mut object.metadata);
        generate_selector(object);
        take_labels(object);
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut upstream::Job, old: &upstream::Job) {
        new.status.clone_from(&old.status);
        take_labels(new);
        prepare::next_generation(&mut new.metadata, &old.metadata, new.spec != old.spec);
    }

    prepare::status!();

    fn pod_spec<'a>(
        &self,
        object: &'a mut upstream::Job,
    ) -> Option<&'a mut k8s_openapi::api::core::v1::PodSpec> {
        object.spec.as_mut()?.template.spec.as_mut()
    }

    fn validate(&self, object: &upstream::Job) -> ErrorList {
        validate::job(object, true)
    }

    fn validate_update(&self, new: &upstream::Job, old: &upstream::Job) -> ErrorList {
        update::validate(new, old)
    }

    fn validate_subresource(&self, _: &str, new: &upstream::Job, old: &upstream::Job) -> ErrorList {
        status::validate(new, old)
    }

    fn warnings(&self, new: &upstream::Job, old: Option<&upstream::Job>) -> Vec<String> {
        if old.is_some_and(|it| it.metadata.generation == new.metadata.generation) {
            return Vec::new();
        }
        let name = pod_spec::warnings::name(&new.metadata, "Pod names and hostnames");
        let spec = new.spec.clone().unwrap_or_default();
        let rest = warnings(&spec, &Path::new("spec"));
        name.filter(|_| old.is_none())
            .into_iter()
            .chain(rest)
            .collect()
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
        let own = [
            columns::name(&object.metadata),
            state(object).into(),
            completions.into(),
            duration.into(),
        ];
        let tail = workload::tail(&object.metadata, now, spec.template.spec.as_ref());
        let selector = machinery::labels::describe(spec.selector.as_ref()).into();
        own.into_iter().chain(tail).chain([selector]).collect()
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

fn defaults(spec: &mut upstream::JobSpec) {
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

/// Past these, what the controller remembers of an indexed job may not fit into its status.
const MANY_COMPLETIONS: i32 = 100_000;
const MANY_AT_ONCE: i32 = 10_000;

/// Warnings of a job's spec, also in a CronJob's template.
pub(super) fn warnings(spec: &upstream::JobSpec, path: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let indexed = spec.completion_mode.as_deref() == Some("Indexed");
    let many = spec.completions.unwrap_or(0) > MANY_COMPLETIONS;
    if indexed && many && spec.parallelism.unwrap_or(0) > MANY_AT_ONCE {
        let text = "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail";
        all.push(format!("{path}: {text}"));
    }
    all.extend(pod_spec::warnings::template(
        &spec.template,
        &path.child("template"),
    ));
    all
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

/// A job without labels has its template's, the generated ones too.
fn take_labels(object: &mut upstream::Job) {
    let (metadata, spec) = (&mut object.metadata, object.spec.as_ref());
    if metadata.labels.as_ref().is_none_or(BTreeMap::is_empty) {
        let template = spec.and_then(|it| it.template.metadata.as_ref());
        metadata.labels = template.and_then(|it| it.labels.clone());
    }
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
