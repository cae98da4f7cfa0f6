//! Watches: a bounded queue per watcher, filled by the one that commits, which never waits.

use crate::{Change, Error, Revision, limits};
use parking_lot::Mutex;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::sync::Notify;

/// What a watch delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Changes in revision order, never empty. A transaction's changes share a revision and an event, so
    /// that whoever remembers the last revision of an event has missed nothing.
    Changes(Vec<Change>),
    /// All changes up to this revision have been delivered. Sent when asked for.
    Progress(Revision),
}

/// A stream of changes. Dropping it ends it.
pub struct Watch {
    replay: Option<std::iter::Peekable<Replay>>,
    queue: Arc<Queue>,
}

/// Changes still to be read from history.
pub(crate) type Replay = Box<dyn Iterator<Item = Result<Change, Error>> + Send>;

/// Asks a watch for its progress; usable from any task.
#[derive(Clone)]
pub struct ProgressRequest(Arc<Queue>);

/// Waits on behalf of a watch that others read.
#[derive(Clone)]
pub struct Bell(Arc<Queue>);

struct Queue {
    prefix: String,
    waiting: Mutex<Waiting>,
    ready: Notify,
    /// Changes do not wake its reader.
    quiet: AtomicBool,
    published: Arc<AtomicU64>,
}

#[derive(Default)]
struct Waiting {
    changes: Vec<Change>,
    progress: bool,
    /// The watcher stopped: fell behind, or the store closed.
    end: Option<Error>,
    dropped: bool,
}

impl Watch {
    /// The next event. Safe to cancel: nothing is lost.
    ///
    /// # Errors
    /// [`Error::SlowWatcher`] when this watcher fell too far behind, [`Error::Closed`] when the store
    /// was closed, or a failure to read history. The watch is over then.
    pub async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.take() {
                return event;
            }
            self.queue.ready.notified().await;
        }
    }

    /// The next event, if there is one by now.
    ///
    /// # Errors
    /// As [`Watch::next`].
    pub fn take(&mut self) -> Option<Result<Event, Error>> {
        self.replay_step().or_else(|| self.queue.take())
    }

    /// For a reader whom everybody who commits asks to [`Watch::take`] what came: changes wake nobody any
    /// more. The bell rings for what nobody may ask for: when a committer left before its answer came, and
    /// when the watch is over.
    #[must_use]
    pub fn quiet(self) -> Self {
        self.queue.quiet.store(true, Ordering::Relaxed);
        // Whether what came before has rung is not known.
        self.queue.ready.notify_one();
        self
    }

    /// See [`Watch::quiet`].
    #[must_use]
    pub fn bell(&self) -> Bell {
        Bell(Arc::clone(&self.queue))
    }

    /// A handle to ask for [`Event::Progress`].
    #[must_use]
    pub fn progress(&self) -> ProgressRequest {
        ProgressRequest(Arc::clone(&self.queue))
    }

    fn replay_step(&mut self) -> Option<Result<Event, Error>> {
        let replay = self.replay.as_mut()?;
        let mut changes: Vec<Change> = Vec::new();
        let fits = |next: &Change, changes: &[Change]| {
            let last = changes.last().map(|last| last.revision);
            changes.len() < limits::REPLAY_STEP || last == Some(next.revision)
        };
        let is_next = |next: &Result<Change, Error>, changes: &[Change]| matches!(next, Ok(next) if fits(next, changes));
        while let Some(Ok(change)) = replay.next_if(|next| is_next(next, &changes)) {
            changes.push(change);
        }
        if let Some(Err(error)) = replay.peek() {
            // It may be of the last transaction, of which nothing is told then.
            let last = changes.last().map(|last| last.revision);
            changes.retain(|change| Some(change.revision) < last);
            if changes.is_empty() {
                return Some(Err(error.clone()));
            }
        }
        if changes.is_empty() {
            self.replay = None;
            return None;
        }
        Some(Ok(Event::Changes(changes)))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting.lock();
        waiting.dropped = true;
        waiting.changes = Vec::new();
    }
}

impl Bell {
    /// Returns once it has rung since the last time.
    pub async fn rung(&self) {
        self.0.ready.notified().await;
    }
}

impl ProgressRequest {
    /// Makes the watch deliver an [`Event::Progress`] once it has delivered all changes so far.
    pub fn request(&self) {
        self.0.waiting.lock().progress = true;
        self.0.ready.notify_one();
    }
}

impl Queue {
    fn take(&self) -> Option<Result<Event, Error>> {
        // Read before the lock: what was published up to here is in the queue by now.
        let published = self.published.load(Ordering::Acquire);
        let mut waiting = self.waiting.lock();
        if let Some(error) = &waiting.end {
            return Some(Err(error.clone()));
        }
        if !waiting.changes.is_empty() {
            return Some(Ok(Event::Changes(std::mem::take(&mut waiting.changes))));
        }
        std::mem::take(&mut waiting.progress).then_some(Ok(Event::Progress(published)))
    }

    /// Adds what concerns this watcher; false when it needs no more.
    fn offer(&self, changes: &[Change]) -> bool {
        let mut wanted = changes
            .iter()
            .filter(|change| change.key.starts_with(&self.prefix))
            .peekable();
        let mut waiting = self.waiting.lock();
        if waiting.dropped {
            return false;
        }
        if wanted.peek().is_none() {
            return true;
        }
        waiting.changes.extend(wanted.cloned());
        let kept = waiting.changes.len() <= limits::WATCH_QUEUE;
        if !kept {
            waiting.changes = Vec::new();
            waiting.end = Some(Error::SlowWatcher {
                prefix: self.prefix.clone(),
                limit: limits::WATCH_QUEUE,
            });
        }
        drop(waiting);
        if !kept || !self.quiet.load(Ordering::Relaxed) {
            self.ready.notify_one();
        }
        kept
    }

    fn end(&self, error: Error) {
        self.waiting.lock().end.get_or_insert(error);
        self.ready.notify_one();
    }
}

/// All watchers of a store, and the revision they have been told of.
#[derive(Default)]
pub(crate) struct Hub {
    watchers: Mutex<Vec<Arc<Queue>>>,
    published: Arc<AtomicU64>,
}

impl Hub {
    pub(crate) fn new(revision: Revision) -> Self {
        Self {
            watchers: Mutex::default(),
            published: Arc::new(AtomicU64::new(revision)),
        }
    }

    pub(crate) fn revision(&self) -> Revision {
        self.published.load(Ordering::Acquire)
    }

    /// Adds a watcher that is told of everything published from now on, after `replay`.
    pub(crate) fn register(&self, prefix: &str, replay: Option<Replay>) -> Watch {
        let queue = Arc::new(Queue {
            prefix: prefix.to_owned(),
            waiting: Mutex::default(),
            ready: Notify::new(),
            quiet: AtomicBool::new(false),
            published: Arc::clone(&self.published),
        });
        self.watchers.lock().push(Arc::clone(&queue));
        Watch {
            replay: replay.map(Iterator::peekable),
            queue,
        }
    }

    /// Tells every watcher; those that are gone or too slow are forgotten.
    pub(crate) fn publish(&self, changes: &[Change], revision: Revision) {
        self.watchers.lock().retain(|queue| queue.offer(changes));
        self.published.store(revision, Ordering::Release);
    }

    /// Rings every bell: whoever committed is not there to ask for what came.
    pub(crate) fn ring(&self) {
        for queue in self.watchers.lock().iter() {
            queue.ready.notify_one();
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        for queue in self.watchers.lock().drain(..) {
            queue.end(Error::Closed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_transaction_that_cannot_be_read_whole_is_not_told_in_part() {
        let change = |revision: Revision| Change {
            key: "k".into(),
            value: None,
            previous: None,
            revision,
        };
        let broken = || Err(Error::Closed);
        let cases = [
            (vec![Ok(2), Ok(3), Ok(3), broken()], vec![2]),
            (vec![Ok(2), Ok(2), broken(), Ok(2)], vec![]),
            (vec![broken()], vec![]),
        ];
        for (history, told) in cases {
            let history = history
                .into_iter()
                .map(move |revision| revision.map(change));
            let mut watch = Hub::new(9).register("", Some(Box::new(history)));
            if !told.is_empty() {
                let changes = told.into_iter().map(change).collect();
                assert_eq!(watch.next().await.unwrap(), Event::Changes(changes));
            }
            // And nothing after it, however often it is asked.
            assert!(watch.next().await.is_err());
            assert!(watch.next().await.is_err());
        }
    }
}
