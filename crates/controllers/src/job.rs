//! Promise: a Job's pods run until as many have succeeded as it asks for, or until it has failed by its own
//! terms; each pod's end is counted exactly once. Upstream: job-controller.

mod failure_policy;
mod indexes;
mod plan;
mod status;
#[cfg(test)]
mod tests;

use crate::{Context, owned_pods};
use async_trait::async_trait;
use k8s_openapi::api::{
    batch::v1::{Job, JobCondition},
    core::v1::Pod,
};
use machinery::{conditions, labels::Selector, owners};
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Recorder, Wiring, Writes, reference};
use std::sync::Arc;
use stdx::clock::Clock;

pub(crate) const NAME: &str = "job-controller";
/// Keeps a finished pod until its end is counted.
const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// The label that names a pod's job.
const JOB_NAME: &str = "batch.kubernetes.io/job-name";

pub(crate) struct Jobs {
    jobs: Arc<Cache<Job>>,
    pods: Arc<Cache<Pod>>,
    recorder: Recorder,
    clock: Clock,
}

impl Jobs {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            jobs: context.caches.of(),
            pods: context.caches.of(),
            recorder: context.recorder.named(NAME),
            clock: context.clock.clone(),
        }
    }

    /// Pods that wait to be counted by a job that no longer exists, or that is another by now.
    fn orphans(&self, key: &Key, uid: Option<&str>) -> Vec<Arc<Pod>> {
        let ours = |pod: &Pod| match owners::controller_of(&pod.metadata) {
            Some(owner) => {
                owner.kind == "Job" && owner.name == key.name && Some(owner.uid.as_str()) != uid
            }
            None => {
                let labels = pod.metadata.labels.as_ref();
                labels.and_then(|it| it.get(JOB_NAME)) == Some(&key.name)
            }
        };
        let pods = self.pods.list_in(&key.namespace).into_iter();
        pods.filter(|pod| status::is_tracked(pod) && ours(pod))
            .collect()
    }

    async fn apply(&self, job: &Job, plan: plan::Plan, writes: &Writes) -> Result<Outcome, Error> {
        let about = reference(job);
        let deleted = owned_pods::delete(&about, &plan.delete, &self.recorder, writes).await;
        let (created, failure) =
            owned_pods::create(&about, &plan.create, &self.recorder, writes).await;
        let mut status = plan.status;
        let missing = i32::try_from(plan.create.len() - created).unwrap_or(0);
        status.active = status.active.map(|it| it - missing).filter(|it| *it > 0);
        if job.status.as_ref() != Some(&status) {
            let mut changed = job.clone();
            changed.status = Some(status);
            writes.update_status(&changed).await?;
            if let Some(turned) = plan.turned {
                let message = format!("Job {}", turned.to_lowercase());
                self.recorder.normal(&about, turned, &message);
            }
            if let Some(ended) = &plan.ended {
                self.tell_ended(&changed, ended);
            }
        }
        owned_pods::remove_finalizers(&plan.free, FINALIZER, writes).await?;
        deleted?;
        match (failure, plan.look_again) {
            (Some(error), _) => Err(error),
            (None, Some(wait)) => Ok(Outcome::After(wait)),
            (None, None) => Ok(Outcome::Done),
        }
    }

    fn tell_ended(&self, job: &Job, ended: &JobCondition) {
        let about = reference(job);
        if ended.type_ != "Complete" {
            let reason = ended.reason.as_deref().unwrap_or_default();
            let message = ended.message.as_deref().unwrap_or_default();
            self.recorder.warning(&about, reason, message);
            return;
        }
        let wanted = job.spec.as_ref().and_then(|spec| spec.completions);
        let succeeded = job.status.as_ref().and_then(|status| status.succeeded);
        if wanted.is_some() && succeeded > wanted {
            let message = "Too many succeeded pods running after completion count reached";
            self.recorder
                .warning(&about, "TooManySucceededPods", message);
        }
        self.recorder.normal(&about, "Completed", "Job completed");
    }
}

fn jobs_of(jobs: &Cache<Job>, pod: &Pod) -> Vec<Key> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let selects = |job: &Job| selector(job).matches(pod.metadata.labels.as_ref());
    let mut keys: Vec<_> = jobs
        .list_in(namespace)
        .iter()
        .filter(|job| selects(job))
        .map(|job| Key::of(&job.metadata))
        .collect();
    let labels = pod.metadata.labels.as_ref();
    if let Some(name) = labels
        .and_then(|it| it.get(JOB_NAME))
        .filter(|_| status::is_tracked(pod))
    {
        keys.push(Key::new(namespace, name));
    }
    keys
}

fn selector(job: &Job) -> Selector {
    owned_pods::selector(job.spec.as_ref().and_then(|it| it.selector.as_ref()))
}

/// How a job ended: that it is complete or that it has failed; nothing while it goes on.
pub(crate) fn end(job: &Job) -> Option<&JobCondition> {
    let conditions = job.status.as_ref().and_then(|it| it.conditions.as_ref());
    let holds = |kind| conditions::get(conditions, kind).filter(|it| it.status == conditions::TRUE);
    holds("Complete").or_else(|| holds("Failed"))
}

#[async_trait]
impl Reconcile for Jobs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<Job>();
        let jobs = Arc::clone(&self.jobs);
        wiring.on::<Pod>(move |change| owned_pods::keys(change, "Job", |pod| jobs_of(&jobs, pod)));
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let job = self.jobs.get_key(key);
        let job = job.as_ref().and_then(|job| Some((job, job.spec.as_ref()?)));
        let Some((job, spec)) = job else {
            let orphans = self.orphans(key, None);
            owned_pods::remove_finalizers(&orphans, FINALIZER, writes).await?;
            return Ok(Outcome::Done);
        };
        if spec
            .managed_by
            .as_deref()
            .is_some_and(|it| it != "kubernetes.io/job-controller")
        {
            return Ok(Outcome::Done);
        }
        let selector = selector(job);
        let claim = owned_pods::Claim {
            selector: &selector,
            fits: &|_| true,
            finalizer: Some(FINALIZER),
        };
        let finished = end(job).is_some();
        let pods = claim.pods(&**job, &self.pods, writes).await?;
        let mut orphans = self.orphans(key, job.metadata.uid.as_deref());
        orphans.retain(|pod| !pods.iter().any(|it| it.metadata.uid == pod.metadata.uid));
        if finished {
            orphans.extend(pods.iter().filter(|pod| status::is_tracked(pod)).cloned());
        }
        owned_pods::remove_finalizers(&orphans, FINALIZER, writes).await?;
        if finished {
            return Ok(Outcome::Done);
        }
        let plan = plan::plan(job, spec, &pods, self.clock.now());
        self.apply(job, plan, writes).await
    }
}
