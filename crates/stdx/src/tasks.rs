//! Tasks that end with their owner: a component spawns into one group, and `finish` returns only
//! when everything it started has ended.

use parking_lot::Mutex;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A group of tasks with one stop signal. Clones are the same group.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    stop: CancellationToken,
    set: Arc<Mutex<JoinSet<()>>>,
    failed: Arc<AtomicBool>,
}

impl Tasks {
    /// An empty group.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A group whose stop signal also fires when this one's does.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            stop: self.stop.child_token(),
            set: Arc::default(),
            failed: Arc::default(),
        }
    }

    /// The same group under another name: it tells only of failures of what is spawned through it.
    #[must_use]
    pub fn part(&self) -> Self {
        Self {
            failed: Arc::default(),
            ..self.clone()
        }
    }

    /// Whether a task ended abnormally.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// The signal the group's tasks watch.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task; it is dropped at its next await when the group stops. A panic is logged
    /// under `name` and ends only that task.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (stop, failed) = (self.stop.clone(), Arc::clone(&self.failed));
        let mut set = self.set.lock();
        while let Some(ended) = set.try_join_next() {
            log_end(ended);
        }
        set.spawn(async move {
            let run = tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = task => {}
                }
            });
            if let Err(error) = run.await {
                failed.store(true, Ordering::Relaxed);
                tracing::error!(task = name, %error, "a task ended abnormally");
            }
        });
    }

    /// Signals the group to stop, without waiting.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Signals the group to stop and waits until each of its tasks has ended.
    pub async fn finish(&self) {
        self.stop.cancel();
        let mut set = std::mem::take(&mut *self.set.lock());
        while let Some(ended) = set.join_next().await {
            log_end(ended);
        }
    }
}

fn log_end(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a supervised task was lost");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn finish_ends_everything_and_survives_a_panic() {
        let tasks = Tasks::new();
        let well = tasks.part();
        well.spawn("ends", async {});
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<()>(1);
        tasks.spawn("panics", async { panic!("on purpose") });
        tasks.spawn("waits", async move {
            let _held = sender;
            std::future::pending::<()>().await;
        });
        while !tasks.has_failed() {
            tokio::task::yield_now().await;
        }
        tasks.finish().await;
        assert!(receiver.recv().await.is_none());
        assert!(!well.has_failed());
    }

    #[tokio::test]
    async fn a_child_stops_with_its_parent_only() {
        let parent = Tasks::new();
        let child = parent.child();
        child.finish().await;
        assert!(!parent.stopping().is_cancelled());
        let other = parent.child();
        parent.stop();
        assert!(other.stopping().is_cancelled());
    }
}
