//! Does what a plan says. Every action may be repeated; after any of them the pod is looked at again.

use super::{
    Role,
    observe::{Facts, finished_at},
    plan::{Action, count_crash},
    uid,
    worker::{Next, Worker},
};
use crate::{
    container::resources,
    pod,
    references::{Names, Referenced},
    shared::Shared,
    steps::{self, containers, sandbox},
};
use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use reconcile::reference;
use runtime::container::Resources;
use std::sync::Arc;

impl Worker {
    /// A plan's actions in order, up to the first that fails.
    pub(super) async fn apply(
        &mut self,
        pod: &Arc<Pod>,
        facts: &Facts,
        actions: &[Action],
    ) -> Result<Next, String> {
        for action in actions {
            match action {
                Action::KillPod { grace_seconds } => {
                    self.kill_pod(pod, facts, *grace_seconds).await?
                }
                Action::RemoveSandbox { id } => remove_sandbox(&self.shared, id).await?,
                Action::CreateSandbox { attempt } => self.create_sandbox(pod, *attempt).await?,
                Action::Kill {
                    name,
                    id,
                    message,
                    grace_seconds,
                } => {
                    containers::stop(&self.shared, pod, name, id, message, *grace_seconds).await?;
                }
                Action::Resize { containers } => {
                    let resized = resize(&self.shared, pod, containers).await;
                    self.resize_error = resized.as_ref().err().cloned();
                    resized?;
                }
                Action::Forget { id } => containers::forget(&self.shared, id).await?,
                Action::Start { name, attempt } => {
                    if !self.start(pod, facts, name, *attempt).await? {
                        return Ok(Next::Again);
                    }
                }
            }
        }
        Ok(Next::Again)
    }

    /// Ends everything: main containers together, then sidecars in reverse order, then the sandbox.
    async fn kill_pod(
        &mut self,
        pod: &Arc<Pod>,
        facts: &Facts,
        grace_seconds: i64,
    ) -> Result<(), String> {
        let wake = Arc::clone(&self.handle.wake);
        let mut grace = grace_seconds;
        loop {
            let killing = kill_all(&self.shared, pod, facts, grace);
            let shortened = async {
                loop {
                    wake.notified().await;
                    let latest = self.handle.pod();
                    let asked = latest
                        .metadata
                        .deletion_grace_period_seconds
                        .filter(|_| latest.metadata.deletion_timestamp.is_some());
                    if let Some(asked) = asked.filter(|asked| *asked < grace) {
                        return asked;
                    }
                }
            };
            tokio::select! {
                done = killing => { done?; break; }
                // Somebody is in more of a hurry: the signals are sent again with less time.
                asked = shortened => grace = asked,
            }
        }
        for id in facts
            .sandbox
            .iter()
            .map(|it| &it.id)
            .chain(&facts.old_sandboxes)
        {
            sandbox::stop(&self.shared, id).await?;
        }
        Ok(())
    }

    async fn create_sandbox(&mut self, pod: &Arc<Pod>, attempt: u32) -> Result<(), String> {
        if attempt > 0 {
            let text = "Pod sandbox changed, it will be killed and re-created.";
            self.shared
                .recorder
                .normal(&reference(&**pod), "SandboxChanged", text);
        }
        self.ensure_volumes(pod, &[]).await?;
        match sandbox::create(&self.shared, pod, attempt).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let text = format!("Failed to create pod sandbox: {error}");
                self.shared
                    .recorder
                    .warning(&reference(&**pod), "FailedCreatePodSandBox", &text);
                Err(error)
            }
        }
    }

    async fn references(&mut self, pod: &Arc<Pod>) -> Referenced {
        match &self.referenced {
            Some(it) => it.clone(),
            None => {
                let names = Names::of(pod);
                let found = self
                    .shared
                    .references
                    .fetch(pod::namespace(pod), uid(pod), &names)
                    .await;
                self.referenced.insert(found).clone()
            }
        }
    }

    async fn ensure_volumes(&mut self, pod: &Arc<Pod>, pod_ips: &[String]) -> Result<(), String> {
        if self.volumes.is_some() {
            return Ok(());
        }
        let referenced = self.references(pod).await;
        match steps::volumes::set_up(&self.shared, pod, pod_ips, &referenced, &mut self.tokens)
            .await
        {
            Ok(ready) => {
                self.volumes = Some(ready);
                Ok(())
            }
            Err(error) => {
                self.referenced = None;
                self.shared
                    .recorder
                    .warning(&reference(&**pod), "FailedMount", &error);
                Err(error)
            }
        }
    }

    /// Brings the volumes of a running pod up to date if something changed; when to come back for tokens.
    pub(super) async fn refresh_volumes(
        &mut self,
        pod: &Arc<Pod>,
        facts: &Facts,
    ) -> Result<Option<Timestamp>, String> {
        let Some(sandbox) = facts.ready_sandbox() else {
            return Ok(None);
        };
        let old = self.volumes.as_ref().and_then(|it| it.refresh_at);
        if old.is_some_and(|at| at <= facts.now) {
            self.volumes = None;
        }
        let ips = sandbox.ips.clone();
        self.ensure_volumes(pod, &ips).await?;
        let at = self.volumes.as_ref().and_then(|it| it.refresh_at);
        // A token that could not be had yet is not asked for without pause.
        let soonest = facts
            .now
            .checked_add(jiff::SignedDuration::from_secs(10))
            .unwrap_or(Timestamp::MAX);
        Ok(at.map(|at| at.max(soonest)))
    }

    /// Starts a container; false if those after it should wait for another look.
    async fn start(
        &mut self,
        pod: &Arc<Pod>,
        facts: &Facts,
        name: &str,
        attempt: u32,
    ) -> Result<bool, String> {
        let Some(sandbox) = facts.ready_sandbox() else {
            return Ok(false);
        };
        let Some((role, container)) = pod::container(pod, name) else {
            return Ok(true);
        };
        self.ensure_volumes(pod, &sandbox.ips).await?;
        let referenced = self.references(pod).await;
        let mut memory = self.memory.remove(name).unwrap_or_default();
        let finished = facts.container(name).current().and_then(finished_at);
        let ended = self.handle.clone();
        let image = tokio::select! {
            image = containers::image(&self.shared, pod, &container, &referenced, &mut memory) => image,
            () = told_otherwise(&ended) => {
                memory.not_before = None;
                self.memory.insert(name.to_owned(), memory);
                return Ok(false);
            }
        };
        let started = match image {
            Err(failure) => Err(failure),
            Ok(image) => {
                if let Some(finished) = finished {
                    memory.crashes = Some(count_crash(memory.crashes, finished));
                }
                let none = std::collections::BTreeMap::new();
                let mounted = self.volumes.as_ref().map_or(&none, |it| &it.mounted);
                let given = containers::Given {
                    sandbox,
                    mounted,
                    referenced: &referenced,
                    attempt,
                };
                containers::start(&self.shared, pod, &container, &image, &given, &mut memory).await
            }
        };
        if let Err(failure) = &started {
            memory.waiting = Some((failure.reason.to_owned(), failure.message.clone()));
            // A container that was made and could not run is restarted by the rules of crashes.
            if matches!(failure.reason, "RunContainerError" | "PostStartHookError") {
                memory.not_before = None;
            }
            if failure.reason == "ErrImagePull" {
                self.show_pull_error(name);
            }
        }
        self.memory.insert(name.to_owned(), memory);
        Ok(started.is_ok() || role == Role::Main || role == Role::Ephemeral)
    }
}

/// Returns once the pod is to end or its image came another way: a pull is not worth waiting for then.
async fn told_otherwise(handle: &super::worker::Handle) {
    loop {
        {
            let desired = handle.desired.lock();
            let ends = desired.gone || desired.pod.metadata.deletion_timestamp.is_some();
            if ends || desired.image_arrived {
                break;
            }
        }
        handle.wake.notified().await;
    }
    // The wake that was used up here belongs to the next pass.
    handle.wake.notify_one();
}

async fn kill_all(
    shared: &Shared,
    pod: &Pod,
    facts: &Facts,
    grace_seconds: i64,
) -> Result<(), String> {
    let running = |wanted: &dyn Fn(Option<Role>) -> bool| -> Vec<(String, String)> {
        let all = facts
            .containers
            .iter()
            .flat_map(|(name, it)| it.attempts.iter().map(move |it| (name, it)));
        all.filter(|(_, it)| it.state.is_running())
            .filter(|(name, _)| wanted(pod::container(pod, name).map(|(role, _)| role)))
            .map(|(name, it)| (name.clone(), it.id.clone()))
            .collect()
    };
    let begun = tokio::time::Instant::now();
    let stop = |name: String, id: String, grace: i64| async move {
        let message = format!("Stopping container {name}");
        containers::stop(shared, pod, &name, &id, &message, grace).await
    };
    let first = running(&|role| role != Some(Role::Sidecar));
    let stops = first
        .into_iter()
        .map(|(name, id)| stop(name, id, grace_seconds));
    join_all(stops)
        .await
        .into_iter()
        .collect::<Result<Vec<()>, _>>()?;
    let mut sidecars = running(&|role| role == Some(Role::Sidecar));
    let all = pod::containers(pod);
    let order = |name: &String| all.iter().position(|(_, it)| it.name == *name);
    sidecars.sort_by_key(|(name, _)| std::cmp::Reverse(order(name)));
    for (name, id) in sidecars {
        let used = i64::try_from(begun.elapsed().as_secs()).unwrap_or(i64::MAX);
        stop(
            name,
            id,
            grace_seconds
                .saturating_sub(used)
                .max(i64::from(grace_seconds > 0)),
        )
        .await?;
    }
    Ok(())
}

/// Gives the pod and its containers other limits. Room for the containers comes first, as far as the kernel lets the
/// pod's limits go before theirs.
async fn resize(
    shared: &Shared,
    pod: &Pod,
    containers: &[(String, Resources)],
) -> Result<(), String> {
    let failed = |error: runtime::Error| format!("failed to resize the pod: {error}");
    let path = resources::cgroup_path(&shared.config.cgroup_root, pod);
    let whole = resources::of_pod(pod, shared.config.pod_pids_limit);
    let room = shared.runtime.set_cgroup(&path, &whole).await;
    if let Err(error) = room {
        tracing::debug!(%error, "the limits of the pod change after those of its containers");
    }
    for (id, wanted) in containers {
        if let Some(limit) = wanted.memory_limit_bytes {
            let used = shared.runtime.container_stats(id).await.map_err(failed)?;
            let used = i64::try_from(used.memory_usage_bytes).unwrap_or(i64::MAX);
            if limit < used {
                return Err(format!(
                    "attempting to set container memory limit ({limit}) below current usage ({used})"
                ));
            }
        }
        let updated = shared.runtime.update_container_resources(id, wanted).await;
        updated.map_err(failed)?;
    }
    shared
        .runtime
        .set_cgroup(&path, &whole)
        .await
        .map_err(failed)
}

async fn remove_sandbox(shared: &Shared, id: &str) -> Result<(), String> {
    sandbox::stop(shared, id).await?;
    let removed = shared.runtime.remove_pod_sandbox(id).await;
    removed.map_err(|error| format!("failed to remove sandbox {id:?}: {error}"))
}

/// Every trace of a pod on this machine but its volumes and cgroup, which went before.
pub(super) async fn remove_all(shared: &Shared, pod: &Pod, facts: &Facts) -> Result<(), String> {
    for id in facts
        .sandbox
        .iter()
        .map(|it| &it.id)
        .chain(&facts.old_sandboxes)
    {
        remove_sandbox(shared, id).await?;
    }
    let logs = shared.log_dir(pod);
    match std::fs::remove_dir_all(&logs) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("remove {}: {error}", logs.display()))
        }
        _ => Ok(()),
    }
}
