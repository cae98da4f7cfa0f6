//! A runtime that only remembers: containers start at once, end when a test says so, and cost a few
//! hundred bytes each.
//!
//! Any image can be pulled and any container starts unless a [`Behaviour`] says otherwise. Every verb
//! is recorded as a [`Call`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use stdx::clock::Clock;
use tokio::sync::broadcast;

use crate::container::{Change, Container, Event, Exit, Resources, State};
use crate::error::{Error, Result};
use crate::image::{Image, ImageConfig};
use crate::sandbox::Sandbox;
use crate::session::ExecOutput;

mod images;
mod pods;

/// Calls remembered; older ones are forgotten.
const CALLS: usize = 100_000;
/// Events that wait for a slow receiver before it must list again.
const EVENTS: usize = 16_384;

/// The fake. Clones share it.
#[derive(Clone)]
pub struct Fake {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    state: Mutex<Remembered>,
    events: broadcast::Sender<Event>,
    arrivals: broadcast::Sender<Image>,
}

#[derive(Default)]
struct Remembered {
    number: u64,
    sandboxes: BTreeMap<String, Sandbox>,
    containers: BTreeMap<String, Container>,
    images: BTreeMap<String, Image>,
    cgroups: BTreeMap<String, Resources>,
    behaviours: BTreeMap<String, VecDeque<Behaviour>>,
    pull_errors: BTreeMap<String, String>,
    exec: Option<Exec>,
    calls: VecDeque<Call>,
}

type Exec = Arc<dyn Fn(&Container, &[String]) -> ExecOutput + Send + Sync>;

/// How a container behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Runs until it is stopped.
    Runs,
    /// Ends at once with this code.
    Exits(i32),
    /// Cannot be started, for this reason.
    FailsToStart(String),
}

/// A verb that was called, on what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Name of the method.
    pub verb: &'static str,
    /// Name of the pod (`namespace/name`), of the container within it (`namespace/name/container`), or of
    /// an image or cgroup.
    pub object: String,
}

impl Default for Fake {
    fn default() -> Self {
        Fake::new(Clock::system())
    }
}

impl Fake {
    /// An empty one that reads this clock.
    pub fn new(clock: Clock) -> Self {
        let (events, _) = broadcast::channel(EVENTS);
        let (arrivals, _) = broadcast::channel(EVENTS);
        Fake {
            inner: Arc::new(Inner {
                clock,
                state: Mutex::default(),
                events,
                arrivals,
            }),
        }
    }

    /// Sets how containers of this name behave, one entry for each start; the last one stays.
    pub fn behave(&self, container_name: &str, behaviours: impl IntoIterator<Item = Behaviour>) {
        let all = behaviours.into_iter().collect();
        self.inner
            .state
            .lock()
            .behaviours
            .insert(container_name.to_owned(), all);
    }

    /// Adds an image, as if imported.
    pub fn add_image(&self, name: &str, config: ImageConfig) {
        let image = images::make(name, config);
        let mut state = self.inner.state.lock();
        state.images.insert(images::full(name), image.clone());
        // Nobody listening is fine.
        let _ = self.inner.arrivals.send(image);
    }

    /// Makes pulls of an image fail with this reason; `None` lets them succeed again.
    pub fn fail_pulls(&self, name: &str, reason: Option<&str>) {
        let mut state = self.inner.state.lock();
        match reason {
            Some(reason) => state
                .pull_errors
                .insert(images::full(name), reason.to_owned()),
            None => state.pull_errors.remove(&images::full(name)),
        };
    }

    /// Answers commands in containers; without it every command succeeds and says nothing.
    pub fn on_exec(
        &self,
        answer: impl Fn(&Container, &[String]) -> ExecOutput + Send + Sync + 'static,
    ) {
        self.inner.state.lock().exec = Some(Arc::new(answer));
    }

    /// Ends a running container.
    pub fn exit(&self, id: &str, code: i32) -> Result<()> {
        self.end(id, code, if code == 0 { "Completed" } else { "Error" })
    }

    /// Ends a running container as the kernel does when its memory is used up.
    pub fn kill_for_memory(&self, id: &str) -> Result<()> {
        self.end(id, 137, "OOMKilled")
    }

    /// What was called so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.inner.state.lock().calls.iter().cloned().collect()
    }

    /// Containers of a pod by name, newest last.
    pub fn containers_of(&self, namespace: &str, pod: &str) -> Vec<Container> {
        let state = self.inner.state.lock();
        let own = |c: &&Container| {
            let sandbox = state.sandboxes.get(&c.sandbox_id);
            sandbox.is_some_and(|s| s.config.namespace == namespace && s.config.name == pod)
        };
        let mut all: Vec<_> = state.containers.values().filter(own).cloned().collect();
        all.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        all
    }

    /// Limits of a cgroup that was set, `None` if there is no such cgroup.
    pub fn cgroup(&self, path: &str) -> Option<Resources> {
        self.inner.state.lock().cgroups.get(path).cloned()
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn end(&self, id: &str, code: i32, reason: &str) -> Result<()> {
        let finished_at = self.now();
        let mut state = self.inner.state.lock();
        let container = state
            .containers
            .get_mut(id)
            .ok_or_else(|| missing("container", id))?;
        let State::Running { started_at, .. } = container.state else {
            return Ok(());
        };
        container.state = State::Exited(Exit {
            code,
            signal: (code > 128).then_some(code - 128),
            reason: reason.to_owned(),
            message: String::new(),
            started_at: Some(started_at),
            finished_at,
        });
        self.emit(&state, id, Change::Exited);
        Ok(())
    }

    fn emit(&self, state: &Remembered, id: &str, change: Change) {
        if let Some(container) = state.containers.get(id) {
            let sandbox = state.sandboxes.get(&container.sandbox_id);
            // Nobody listening is fine.
            let _ = self.inner.events.send(Event {
                container_id: id.to_owned(),
                sandbox_id: container.sandbox_id.clone(),
                pod_uid: sandbox.map(|s| s.config.uid.clone()).unwrap_or_default(),
                change,
            });
        }
    }
}

impl Remembered {
    fn record(&mut self, verb: &'static str, object: String) {
        if self.calls.len() == CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(Call { verb, object });
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn pod(&self, sandbox_id: &str) -> String {
        match self.sandboxes.get(sandbox_id) {
            Some(sandbox) => format!("{}/{}", sandbox.config.namespace, sandbox.config.name),
            None => sandbox_id.to_owned(),
        }
    }

    fn container_name(&self, id: &str) -> String {
        match self.containers.get(id) {
            Some(c) => format!("{}/{}", self.pod(&c.sandbox_id), c.config.name),
            None => id.to_owned(),
        }
    }

    /// How the next start of a container goes.
    fn behaviour(&mut self, name: &str) -> Behaviour {
        match self.behaviours.get_mut(name) {
            Some(all) if all.len() > 1 => all.pop_front().unwrap_or(Behaviour::Runs),
            Some(all) => all.front().cloned().unwrap_or(Behaviour::Runs),
            None => Behaviour::Runs,
        }
    }
}

fn missing(kind: &'static str, id: &str) -> Error {
    Error::NotFound {
        kind,
        id: id.to_owned(),
    }
}

#[cfg(test)]
mod tests;
