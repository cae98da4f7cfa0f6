//! The life of one pod: a task that looks, plans, acts and reports until the pod is gone
//! (upstream: `pod_workers.go`, `syncPod`). It sleeps until something happens.

use super::{
    Role, containers,
    observe::{Ending, Facts, Memory, observe},
    plan::{self, Action, Plan, plan},
    resize, uid,
    workers::Workers,
};
use crate::{
    pod,
    probes::{Kind, Prober, Subject},
    references::Referenced,
    shared::{Shared, container_reference},
    steps,
    volumes::Tokens,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use machinery::pods;
use parking_lot::Mutex;
use runtime::{container::State, sandbox::State as SandboxState};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use stdx::backoff::Backoff;
use tokio::sync::Notify;

/// Waits after a step that failed for the machine's own reasons.
const ERROR_BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(122));
/// How long `ErrImagePull` shows before it becomes `ImagePullBackOff`.
const PULL_ERROR_SHOWN: SignedDuration = SignedDuration::from_secs(2);

/// What a worker is told from outside.
#[derive(Clone)]
pub struct Desired {
    /// The pod as last seen.
    pub pod: Arc<Pod>,
    /// Its object is gone from the API.
    pub gone: bool,
    /// Something it refers to changed.
    pub references_changed: bool,
    /// An image that it uses was imported.
    pub image_arrived: bool,
    /// The node refuses it: reason and message.
    pub refused: Option<(String, String)>,
}

impl Desired {
    /// The pod, and nothing said about it yet.
    pub(super) fn new(pod: Arc<Pod>) -> Self {
        Self {
            pod,
            gone: false,
            references_changed: false,
            image_arrived: false,
            refused: None,
        }
    }
}

/// How to reach a worker. Clones reach the same one.
#[derive(Clone)]
pub struct Handle {
    pub(super) wake: Arc<Notify>,
    pub(super) desired: Arc<Mutex<Desired>>,
}

impl Handle {
    pub(super) fn new(desired: Desired) -> Self {
        Self {
            wake: Arc::default(),
            desired: Arc::new(Mutex::new(desired)),
        }
    }

    /// Tells the worker and wakes it.
    pub fn tell(&self, change: impl FnOnce(&mut Desired)) {
        change(&mut self.desired.lock());
        self.wake.notify_one();
    }

    /// The pod as last seen.
    #[must_use]
    pub fn pod(&self) -> Arc<Pod> {
        Arc::clone(&self.desired.lock().pod)
    }
}

/// One pod's worker.
pub struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) handle: Handle,
    pub(super) memory: BTreeMap<String, Memory>,
    pub(super) tokens: Tokens,
    pub(super) referenced: Option<Referenced>,
    pub(super) volumes: Option<steps::volumes::Ready>,
    probers: BTreeMap<String, Prober>,
    messages: BTreeMap<String, String>,
    written: Option<Arc<Pod>>,
    shown_until: BTreeMap<String, Timestamp>,
    told_waiting: BTreeMap<String, String>,
    failures: u32,
    settled: bool,
    pub(super) resize_error: Option<String>,
    neighbours: Workers,
}

/// What comes after a pass.
pub(super) enum Next {
    /// Something was done: look again.
    Again,
    /// Nothing to do before this time or a wake.
    Wait(Option<Timestamp>),
    /// The pod is gone.
    Done,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, handle: Handle, neighbours: Workers) -> Self {
        Self {
            shared,
            handle,
            memory: BTreeMap::new(),
            tokens: Tokens::default(),
            referenced: None,
            volumes: None,
            probers: BTreeMap::new(),
            messages: BTreeMap::new(),
            written: None,
            shown_until: BTreeMap::new(),
            told_waiting: BTreeMap::new(),
            failures: 0,
            settled: false,
            resize_error: None,
            neighbours,
        }
    }

    /// Runs until the pod is gone.
    pub async fn run(mut self) {
        if let Err(error) = self.adopt().await {
            tracing::warn!(pod = pod::full_name(&self.pod()), %error, "a running pod lost its network and is made anew");
        }
        loop {
            let wait = match self.pass().await {
                Ok(Next::Done) => return,
                Ok(Next::Again) => {
                    self.failures = 0;
                    continue;
                }
                Ok(Next::Wait(until)) => until.map(|at| self.until(at)),
                Err(error) => {
                    let wait = ERROR_BACKOFF.delay(self.failures);
                    self.failures = self.failures.saturating_add(1);
                    tracing::warn!(pod = pod::full_name(&self.pod()), %error, ?wait, "a pod could not be brought to its state");
                    Some(wait)
                }
            };
            let wake = Arc::clone(&self.handle.wake);
            match wait {
                None => wake.notified().await,
                Some(wait) => {
                    let _ = tokio::time::timeout(wait, wake.notified()).await;
                }
            }
        }
    }

    /// A sandbox found running keeps running, its network repaired; one that cannot be repaired is stopped.
    async fn adopt(&self) -> Result<(), String> {
        let pod = self.pod();
        let all = self.shared.runtime.pod(uid(&pod)).await;
        let (sandboxes, _) = all.map_err(|error| error.to_string())?;
        for sandbox in sandboxes
            .iter()
            .filter(|it| it.state == SandboxState::Ready)
        {
            if let Err(error) = steps::sandbox::attach(&self.shared, &pod, sandbox).await {
                steps::sandbox::stop(&self.shared, &sandbox.id).await?;
                return Err(error);
            }
        }
        Ok(())
    }

    fn until(&self, at: Timestamp) -> Duration {
        let left = at.duration_since(self.shared.clock.now());
        // A little late rather than a little early: an early look finds nothing to do.
        Duration::try_from(left).unwrap_or(Duration::ZERO) + Duration::from_millis(1)
    }

    /// The newer of what the API sent and what this worker wrote.
    pub(super) fn pod(&self) -> Arc<Pod> {
        let seen = self.handle.pod();
        match &self.written {
            Some(written) if revision(written) > revision(&seen) => Arc::clone(written),
            _ => seen,
        }
    }

    async fn pass(&mut self) -> Result<Next, String> {
        let desired = {
            let mut desired = self.handle.desired.lock();
            let copy = desired.clone();
            desired.references_changed = false;
            desired.image_arrived = false;
            copy
        };
        if desired.image_arrived {
            self.forget_missing_images();
        }
        if desired.references_changed {
            self.referenced = None;
            self.volumes = None;
            for memory in self.memory.values_mut().filter(|it| it.pull_failures == 0) {
                memory.not_before = None;
            }
        }
        let asked = self.pod();
        let others = || self.neighbours.beside(&asked);
        let allocatable = &self.shared.allocatable;
        let (pod, resize_pending) = resize::admit(Arc::clone(&asked), others, allocatable);
        let now = self.shared.clock.now();
        let (ending, deadline) = ending(&pod, &desired, now);
        self.show_back_off(&pod, now);
        let memory = &self.memory;
        let observed = observe(&*self.shared.runtime, &pod, memory, ending, now).await;
        let mut facts = observed.map_err(|error| error.to_string())?;
        facts.resize_pending = resize_pending;
        facts.resize_error.clone_from(&self.resize_error);
        self.remember(&pod, &mut facts);
        let plan = plan(&pod, &facts);
        self.tell_waiting(&pod, &plan);
        let resizes = |it: &Action| matches!(it, Action::Resize { .. });
        self.resize_error = self
            .resize_error
            .take()
            .filter(|_| plan.actions.iter().any(resizes));
        // A status that is final stays: the machine forgets what the API remembers, such as last words.
        let is_final = plan.over && pods::is_terminal(&pod) && !shows_running(&pod);
        let shared = Arc::clone(&self.shared);
        let telling = async {
            if desired.gone || is_final || plan.replaces {
                return Ok(None);
            }
            super::report::report(&shared, &pod, &facts, &plan).await
        };
        if plan.over {
            self.keep(telling.await?);
            return self.over(&pod, &facts, &desired).await;
        }
        if plan.actions.is_empty() {
            self.keep(telling.await?);
            let refresh = self.refresh_volumes(&pod, &facts).await?;
            let shown = self.shown_until.values().min().copied();
            return Ok(Next::Wait(
                [plan.wake, deadline, refresh, shown]
                    .into_iter()
                    .flatten()
                    .min(),
            ));
        }
        // What is told is how the pod was; what is done need not wait for that.
        let acting = self.apply(&pod, &facts, &plan.actions);
        let (told, next) = tokio::join!(telling, acting);
        self.keep(told?);
        next
    }

    fn keep(&mut self, written: Option<Pod>) {
        if let Some(written) = written {
            self.written = Some(Arc::new(written));
        }
    }

    /// Fills the facts with what probes found and containers said, and the memory with new containers.
    fn remember(&mut self, pod: &Arc<Pod>, facts: &mut Facts) {
        let sandbox_ips = facts
            .sandbox
            .as_ref()
            .map(|it| it.ips.clone())
            .unwrap_or_default();
        let pod_ips = self.shared.view(pod, &sandbox_ips).pod_ips;
        let mut alive = Vec::new();
        for (role, container) in containers(pod) {
            let it = facts.containers.entry(container.name.clone()).or_default();
            let Some(current) = it.attempts.first() else {
                continue;
            };
            let memory = self
                .memory
                .entry(container.name.clone())
                .or_insert_with(|| Memory {
                    // The back-off of a container found running is rebuilt from its restarts.
                    crashes: current
                        .config
                        .attempt
                        .checked_sub(1)
                        .map(|count| (count, current.created_at)),
                    ..Memory::default()
                });
            (memory.ready, memory.started, memory.kill) = (true, true, None);
            if current.state.is_running() && matches!(role, Role::Main | Role::Sidecar) {
                alive.push(current.id.clone());
                let prober = self.probers.entry(current.id.clone()).or_insert_with(|| {
                    let wake = Arc::clone(&self.handle.wake);
                    let subject = Subject {
                        shared: Arc::clone(&self.shared),
                        pod: Arc::clone(pod),
                        container: Arc::new(container.clone().into_owned()),
                        id: current.id.clone(),
                        pod_ips: pod_ips.clone(),
                    };
                    Prober::start(
                        subject,
                        was_ready(pod, &container.name, &current.id),
                        move || wake.notify_one(),
                    )
                });
                let verdict = prober.verdict();
                (memory.ready, memory.started) = (verdict.ready, verdict.started);
                memory.kill = verdict.kill.map(|kind| kill_order(&container, kind));
            }
            it.memory = memory.clone();
        }
        self.probers.retain(|id, _| alive.contains(id));
        for attempt in facts
            .containers
            .values_mut()
            .flat_map(|it| it.attempts.iter_mut())
        {
            if !matches!(attempt.state, State::Exited(_)) {
                continue;
            }
            let message = self
                .messages
                .entry(attempt.id.clone())
                .or_insert_with(|| super::last_words::of(attempt))
                .clone();
            if let State::Exited(exit) = &mut attempt.state
                && exit.message.is_empty()
            {
                exit.message = message;
            }
        }
    }

    /// What waits for an image tries again at once.
    fn forget_missing_images(&mut self) {
        for (name, memory) in &mut self.memory {
            let waiting = memory.waiting.as_ref();
            if waiting.is_some_and(|(reason, _)| steps::images::is_missing(reason)) {
                memory.not_before = None;
                memory.pull_failures = 0;
                self.shown_until.remove(name);
            }
        }
    }

    /// Turns errors that were shown long enough into back-offs.
    fn show_back_off(&mut self, pod: &Pod, now: Timestamp) {
        for (role, container) in containers(pod) {
            let name = &container.name;
            debug_assert!(role >= Role::Init);
            let (Some(memory), Some(until)) =
                (self.memory.get_mut(name), self.shown_until.get(name))
            else {
                continue;
            };
            if *until > now {
                continue;
            }
            self.shown_until.remove(name);
            if let Some((reason, error)) = memory.waiting.clone()
                && reason == "ErrImagePull"
            {
                let image = container.image.clone().unwrap_or_default();
                memory.waiting = Some(steps::images::back_off(&image, &error));
                let about = container_reference(pod, name);
                self.shared.recorder.normal(
                    &about,
                    "BackOff",
                    &format!("Back-off pulling image {image:?}"),
                );
                self.shared
                    .recorder
                    .warning(&about, "Failed", "Error: ImagePullBackOff");
            }
        }
    }

    pub(super) fn show_pull_error(&mut self, name: &str) {
        let until = self
            .shared
            .clock
            .now()
            .checked_add(PULL_ERROR_SHOWN)
            .unwrap_or(Timestamp::MAX);
        self.shown_until.insert(name.to_owned(), until);
    }

    /// The event of a container that begins to back off.
    fn tell_waiting(&mut self, pod: &Pod, plan: &Plan) {
        for (name, (reason, message)) in &plan.waiting {
            if reason == "CrashLoopBackOff" && self.told_waiting.get(name) != Some(message) {
                self.told_waiting.insert(name.clone(), message.clone());
                let text = format!(
                    "Back-off restarting failed container {name} in pod {}",
                    pod::full_name(pod)
                );
                self.shared
                    .recorder
                    .warning(&container_reference(pod, name), "BackOff", &text);
            }
        }
        self.told_waiting
            .retain(|name, _| plan.waiting.contains_key(name));
    }

    /// Nothing runs any more: let go of what the pod had, and of the pod if it was deleted.
    async fn over(
        &mut self,
        pod: &Arc<Pod>,
        facts: &Facts,
        desired: &Desired,
    ) -> Result<Next, String> {
        let deleted = desired.gone || pods::is_terminating(pod);
        if !self.settled {
            self.probers.clear();
            self.shared.references.release(uid(pod));
            steps::volumes::tear_down(&self.shared, uid(pod)).await?;
            let cgroup =
                crate::container::resources::cgroup_path(&self.shared.config.cgroup_root, pod);
            self.shared
                .runtime
                .remove_cgroup(&cgroup)
                .await
                .map_err(|error| error.to_string())?;
            self.settled = true;
        }
        if !deleted {
            return Ok(Next::Wait(None));
        }
        super::apply::remove_all(&self.shared, pod, facts).await?;
        if !desired.gone {
            let options = client::DeleteOptions {
                grace_seconds: Some(0),
                uid: Some(uid(pod).to_owned()),
                ..Default::default()
            };
            match self
                .shared
                .client
                .delete::<Pod>(pod::namespace(pod), pod::name(pod), &options)
                .await
            {
                Err(error) if !error.is_not_found() && !error.is_conflict() => {
                    return Err(format!("delete the pod's object: {error}"));
                }
                _ => {}
            }
        }
        Ok(Next::Done)
    }
}

/// Whether the API believes that a container of the pod runs.
fn shows_running(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let lists = status.map(|it| {
        [
            &it.init_container_statuses,
            &it.container_statuses,
            &it.ephemeral_container_statuses,
        ]
    });
    let mut all = lists.into_iter().flatten().flatten().flatten();
    all.any(|it| it.state.as_ref().is_some_and(|it| it.running.is_some()))
}

fn revision(pod: &Pod) -> u64 {
    pod.metadata
        .resource_version
        .as_deref()
        .and_then(|it| it.parse().ok())
        .unwrap_or(0)
}

/// Whether the API says that this very container was ready: it stays so until a probe fails.
fn was_ready(pod: &Pod, name: &str, id: &str) -> bool {
    let status = pods::container_status(pod, name);
    status.is_some_and(|it| {
        it.ready
            && it
                .container_id
                .as_deref()
                .and_then(|it| it.strip_prefix(super::status::SCHEME))
                == Some(id)
    })
}

fn kill_order(
    container: &k8s_openapi::api::core::v1::Container,
    kind: Kind,
) -> (String, Option<i64>) {
    let (word, probe) = match kind {
        Kind::Startup => ("startup", container.startup_probe.as_ref()),
        _ => ("liveness", container.liveness_probe.as_ref()),
    };
    let message = format!(
        "Container {} failed {word} probe, will be restarted",
        container.name
    );
    (
        message,
        probe.and_then(|it| it.termination_grace_period_seconds),
    )
}

/// Whether the pod must end now, and when its deadline comes otherwise.
fn ending(pod: &Pod, desired: &Desired, now: Timestamp) -> (Option<Ending>, Option<Timestamp>) {
    let own = pod.spec.as_ref().map_or(30, plan::grace_seconds);
    let grace_seconds = pod.metadata.deletion_grace_period_seconds;
    if desired.gone || pods::is_terminating(pod) {
        let ending = Ending {
            grace_seconds: grace_seconds.unwrap_or(own),
            failure: None,
        };
        return (Some(ending), None);
    }
    if let Some(refused) = &desired.refused {
        return (
            Some(Ending {
                grace_seconds: 0,
                failure: Some(refused.clone()),
            }),
            None,
        );
    }
    let deadline = pod.spec.as_ref().and_then(|it| it.active_deadline_seconds);
    let start = pod.status.as_ref().and_then(|it| it.start_time.as_ref());
    let Some((seconds, start)) = deadline.zip(start) else {
        return (None, None);
    };
    let at = start
        .0
        .checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX);
    if at > now || pods::is_terminal(pod) {
        return (None, Some(at).filter(|at| *at > now));
    }
    let message = "Pod was active on the node longer than the specified deadline".to_owned();
    (
        Some(Ending {
            grace_seconds: own,
            failure: Some(("DeadlineExceeded".to_owned(), message)),
        }),
        None,
    )
}
