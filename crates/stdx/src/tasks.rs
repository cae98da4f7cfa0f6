//! Tasks that end with their owner: a component spawns into one group, and `finish` returns only
//! when everything it started has ended.

use futures::FutureExt as _;
use parking_lot::Mutex;
use std::{
    any::Any,
    future::Future,
    panic::AssertUnwindSafe,
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
        // In a place of its own: what waits for it would hold it twice, and an ended task holds its own until
        // the next is started.
        let task = AssertUnwindSafe(Box::pin(task)).catch_unwind();
        let mut set = self.set.lock();
        while let Some(ended) = set.try_join_next() {
            log_end(ended);
        }
        set.spawn(async move {
            let ended = tokio::select! {
                () = stop.cancelled() => Ok(()),
                ended = task => ended,
            };
            if let Err(panic) = ended {
                failed.store(true, Ordering::Relaxed);
                let why = message(&*panic);
                tracing::error!(task = name, why, "a task panicked");
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

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or_default()
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

    #[test]
    fn a_panic_says_why() {
        let said = |panic: Box<dyn Any + Send>| message(&*panic).to_owned();
        assert_eq!(said(Box::new("plain")), "plain");
        assert_eq!(said(Box::new(format!("number {}", 1))), "number 1");
        assert_eq!(said(Box::new(1)), "");
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
