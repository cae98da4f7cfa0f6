//! Jobs on a schedule.

use super::job;
use crate::{
    Cell, Column, Names, Strategy, Subresource, check,
    columns::{self, NONE},
    pod_spec::defaults::text,
    prepare,
};
use jiff::Timestamp;
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
        if let Some(spec) = &mut spec.job_template.spec {
            // A selector is each job's own, so the template has none of its defaults.
            let manual = spec.manual_selector;
            job::defaults(spec);
            spec.manual_selector = manual;
        }
    }

    prepare::spec_and_status!();

    fn validate(&self, object: &upstream::CronJob) -> ErrorList {
        let mut errors = ErrorList::new();
        let e = &mut errors;
        let path = Path::new("spec");
        let spec = &object.spec;
        let name = object.metadata.name.as_deref().unwrap_or_default();
        if name.len() > NAME_LIMIT_BYTES {
            let text = format!("must be no more than {NAME_LIMIT_BYTES} characters");
            e.push(Error::invalid(
                &Path::new("metadata").child("name"),
                name,
                &text,
            ));
        }
        let at = path.child("schedule");
        if check::required(e, &at, Some(&spec.schedule)) {
            let fields = spec.schedule.split_whitespace().count();
            if spec.schedule.contains("TZ=") {
                e.push(Error::invalid(
                    &at,
                    &spec.schedule,
                    "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
                ));
            } else if fields != 5 && !spec.schedule.starts_with('@') {
                let text = format!(
                    "expected exactly 5 fields, found {fields}: {:?}",
                    spec.schedule
                );
                e.push(Error::invalid(&at, &spec.schedule, &text));
            }
        }
        check::not_negative(
            e,
            &path.child("startingDeadlineSeconds"),
            spec.starting_deadline_seconds,
        );
        check::one_of(
            e,
            &path.child("concurrencyPolicy"),
            spec.concurrency_policy.as_ref(),
            &["Allow", "Forbid", "Replace"],
        );
        check::not_negative(
            e,
            &path.child("successfulJobsHistoryLimit"),
            spec.successful_jobs_history_limit,
        );
        check::not_negative(
            e,
            &path.child("failedJobsHistoryLimit"),
            spec.failed_jobs_history_limit,
        );
        let empty = upstream::JobSpec::default();
        let template = spec.job_template.spec.as_ref().unwrap_or(&empty);
        job::validate_spec(e, &path.child("jobTemplate").child("spec"), template);
        errors
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
        let [containers, images] =
            columns::containers_and_images(job.and_then(|it| it.template.spec.as_ref()));
        vec![
            columns::name(&object.metadata),
            object.spec.schedule.clone().into(),
            columns::or(object.spec.time_zone.as_ref(), NONE),
            columns::truth(object.spec.suspend),
            status.active.as_ref().map_or(0, Vec::len).into(),
            last.into(),
            columns::age(&object.metadata, now),
            containers,
            images,
            machinery::labels::describe(job.and_then(|it| it.selector.as_ref())).into(),
        ]
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("CronJob")] }
    }
}
