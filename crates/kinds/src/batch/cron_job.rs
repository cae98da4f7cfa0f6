//! Jobs on a schedule.

mod schedule;
#[cfg(test)]
mod tests;

use super::job;
use crate::{
    Cell, Column, Names, Strategy, Subresource, check,
    columns::{self, NONE},
    pod_spec::{self, defaults::text},
    prepare, workload,
};
use jiff::{Timestamp, tz::TimeZone};
use k8s_openapi::api::batch::v1 as upstream;
use machinery::field::{Error, ErrorList, Path};

/// The law of CronJob.
pub(crate) struct CronJob;

/// The controller appends eleven characters to make a job's name.
const NAME_LIMIT_BYTES: usize = 52;
const SUCCESSFUL_LIMIT: i32 = 3;
const FAILED_LIMIT: i32 = 1;

impl Strategy for CronJob {
    type Object = upstream::CronJob;

    fn names(&self) -> Names {
        Names::namespaced("cronjobs", "cronjob")
            .short(&["cj"])
            .categories(&["all"])
    }

    fn default(&self, object: &mut upstream::CronJob) {
        let spec = &mut object.spec;
        text(&mut spec.concurrency_policy, "Allow");
        spec.suspend.get_or_insert(false);
        spec.successful_jobs_history_limit
            .get_or_insert(SUCCESSFUL_LIMIT);
        spec.failed_jobs_history_limit.get_or_insert(FAILED_LIMIT);
        spec.job_template.metadata.get_or_insert_default();
        // A job's own defaults come with the job.
        if let Some(spec) = &mut spec.job_template.spec {
            pod_spec::defaults::template(&mut spec.template);
        }
    }

    prepare::spec_and_status!();

    fn pod_spec<'a>(
        &self,
        object: &'a mut upstream::CronJob,
    ) -> Option<&'a mut k8s_openapi::api::core::v1::PodSpec> {
        object
            .spec
            .job_template
            .spec
            .as_mut()?
            .template
            .spec
            .as_mut()
    }

    fn validate(&self, object: &upstream::CronJob) -> ErrorList {
        let mut errors = ErrorList::new();
        spec(&mut errors, &object.spec, None);
        let name = object.metadata.name.as_deref().unwrap_or_default();
        if name.len() > NAME_LIMIT_BYTES {
            let text = format!("must be no more than {NAME_LIMIT_BYTES} bytes");
            let path = Path::new("metadata").child("name");
            errors.push(Error::invalid(&path, name, &text));
        }
        errors
    }

    /// A name that was taken before the limit came stays usable.
    fn validate_update(&self, new: &upstream::CronJob, old: &upstream::CronJob) -> ErrorList {
        let mut errors = ErrorList::new();
        spec(&mut errors, &new.spec, Some(&old.spec));
        errors
    }

    fn warnings(&self, new: &upstream::CronJob, old: Option<&upstream::CronJob>) -> Vec<String> {
        if old.is_some_and(|it| it.metadata.generation == new.metadata.generation) {
            return Vec::new();
        }
        let name = pod_spec::warnings::name(&new.metadata, "Pod names and hostnames");
        let mut all: Vec<_> = name.filter(|_| old.is_none()).into_iter().collect();
        let template = new.spec.job_template.spec.clone().unwrap_or_default();
        all.extend(job::warnings(
            &template,
            &Path::new("spec.jobTemplate.spec"),
        ));
        if new.spec.schedule.contains("TZ") {
            all.push(
                "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead".to_owned(),
            );
        }
        all
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text("Schedule", "The schedule in Cron format, see https://en.wikipedia.org/wiki/Cron."),
                Column::text("Timezone", "The time zone name for the given schedule, see https://en.wikipedia.org/wiki/List_of_tz_database_time_zones. If not specified, this will default to the time zone of the kube-controller-manager process. The set of valid time zone names and the time zone offset is loaded from the system-wide time zone database by the API server during CronJob validation and the controller manager during execution. If no system-wide time zone database can be found a bundled version of the database is used instead. If the time zone name becomes invalid during the lifetime of a CronJob or due to a change in host configuration, the controller will stop creating new new Jobs and will create a system event with the reason UnknownTimeZone. More information can be found in https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones"),
                Column { kind: "boolean", ..Column::text("Suspend", "This flag tells the controller to suspend subsequent executions, it does not apply to already started executions.  Defaults to false.") },
                Column::number("Active", "A list of pointers to currently running jobs."),
                Column::text("Last Schedule", "Information when was the last time the job was successfully scheduled."),
                Column::AGE,
                Column::CONTAINERS,
                Column::IMAGES,
                Column::text("Selector", "A label query over pods that should match the pod count. Normally, the system sets this field for you. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors").wide(),
            ]
        }
    }

    fn row(&self, object: &upstream::CronJob, now: Timestamp) -> Vec<Cell> {
        let status = object.status.clone().unwrap_or_default();
        let last = status.last_schedule_time.as_ref();
        let last = last.map_or_else(|| NONE.to_owned(), |time| columns::since(Some(time), now));
        let job = object.spec.job_template.spec.as_ref();
        let own = [
            columns::name(&object.metadata),
            object.spec.schedule.clone().into(),
            columns::or(object.spec.time_zone.as_ref(), NONE),
            columns::truth(object.spec.suspend),
            status.active.as_ref().map_or(0, Vec::len).into(),
            last.into(),
        ];
        let pods = job.and_then(|it| it.template.spec.as_ref());
        let tail = workload::tail(&object.metadata, now, pods);
        let selector = machinery::labels::describe(job.and_then(|it| it.selector.as_ref())).into();
        own.into_iter().chain(tail).chain([selector]).collect()
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("CronJob")] }
    }
}

fn spec(e: &mut ErrorList, spec: &upstream::CronJobSpec, old: Option<&upstream::CronJobSpec>) {
    let path = Path::new("spec");
    let at = path.child("schedule");
    if check::required(e, &at, Some(&spec.schedule)) {
        schedule(e, &at, spec, old);
    }
    let deadline = spec.starting_deadline_seconds;
    check::not_negative(e, &path.child("startingDeadlineSeconds"), deadline);
    if old.is_none_or(|it| it.time_zone != spec.time_zone) {
        time_zone(e, &path.child("timeZone"), spec.time_zone.as_deref());
    }
    let policy = spec.concurrency_policy.as_ref();
    let policies = &["Allow", "Forbid", "Replace"];
    check::one_of(e, &path.child("concurrencyPolicy"), policy, policies);
    let at = path.child("jobTemplate.spec");
    let template = spec.job_template.spec.clone().unwrap_or_default();
    job::validate::spec(e, &at, &template);
    if let Some(selector) = &template.selector {
        let shown = check::shown(Some(selector));
        e.push(Error::invalid(
            &at.child("selector"),
            shown,
            "`selector` will be auto-generated",
        ));
    }
    if template.manual_selector == Some(true) {
        let at = at.child("manualSelector");
        e.push(Error::not_supported(&at, true, &["nil", "false"]));
    }
    let (done, failed) = (
        spec.successful_jobs_history_limit,
        spec.failed_jobs_history_limit,
    );
    check::not_negative(e, &path.child("successfulJobsHistoryLimit"), done);
    check::not_negative(e, &path.child("failedJobsHistoryLimit"), failed);
}

/// A time zone in the schedule itself is accepted where it stood before it was refused.
fn schedule(
    e: &mut ErrorList,
    path: &Path,
    spec: &upstream::CronJobSpec,
    old: Option<&upstream::CronJobSpec>,
) {
    let text = &spec.schedule;
    if let Err(why) = schedule::parse(text) {
        e.push(Error::invalid(path, text, &why));
    }
    let had = old.is_some_and(|it| it.schedule.contains("TZ"));
    if !text.contains("TZ") {
        return;
    }
    if had && spec.time_zone.is_some() {
        let why = "cannot use both timeZone field and TZ or CRON_TZ in schedule";
        e.push(Error::invalid(path, text, why));
    } else if !had {
        let why = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        e.push(Error::invalid(path, text, why));
    }
}

/// The longest part of a time zone's name.
const ZONE_PART_BYTES: usize = 14;

fn time_zone(e: &mut ErrorList, path: &Path, zone: Option<&str>) {
    let Some(zone) = zone else { return };
    if zone.is_empty() {
        let text = "timeZone must be nil or non-empty string";
        return e.push(Error::invalid(path, zone, text));
    }
    let unknown = format!("unknown time zone {zone}");
    let good = |part: &str| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
        (1..=ZONE_PART_BYTES).contains(&part.len())
            && part.bytes().all(letters)
            && !matches!(part, "." | "..")
            && !part.starts_with('-')
    };
    if !zone.split('/').all(good) {
        return e.push(Error::invalid(path, zone, &unknown));
    }
    if zone.eq_ignore_ascii_case("Local") {
        let text =
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        e.push(Error::invalid(path, zone, text));
    }
    if TimeZone::get(zone).is_err() {
        e.push(Error::invalid(path, zone, &unknown));
    }
}
