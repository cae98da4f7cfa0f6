//! The desk: where transactions wait, and where the pen lies. Whoever finds the pen there and nobody
//! waiting writes with it on the spot; while it is taken the others wait, and the writer's thread commits
//! them together. So a lone write wakes no thread and many writes share a flush.

use super::writer::Writer;
use crate::{Error, Outcome, Transaction, limits};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{Semaphore, oneshot},
    task::block_in_place,
};

/// A transaction and whom to tell how it went.
pub(super) type Asked = (Transaction, oneshot::Sender<Result<Outcome, Error>>);

/// See the module.
pub(super) struct Desk {
    state: Mutex<State>,
    /// There is something to do for the writer's thread, and the pen to do it with.
    work: Condvar,
    /// Bounds what waits; more wait in their own tasks.
    places: Semaphore,
}

struct State {
    waiting: VecDeque<Asked>,
    /// History was forgotten: the log may be worth a rewrite.
    compacted: bool,
    /// `None` while somebody writes.
    pen: Option<Writer>,
    /// Nothing more is taken.
    closed: bool,
}

impl Desk {
    pub(super) fn new(writer: Writer) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                compacted: false,
                pen: Some(writer),
                closed: false,
            }),
            work: Condvar::new(),
            places: Semaphore::new(limits::WRITE_QUEUE),
        }
    }

    /// Commits a transaction and says how it went.
    pub(super) async fn transact(&self, transaction: Transaction) -> Result<Outcome, Error> {
        let _place = self.places.acquire().await.map_err(|_| Error::Closed)?;
        let (answer, outcome) = oneshot::channel();
        if let Some(pen) = self.ask((transaction, answer))? {
            block_in_place(|| pen.write());
        }
        outcome.await.map_err(|_| Error::Closed)?
    }

    /// History was forgotten: see whether the log should be rewritten.
    pub(super) fn compacted(&self) -> Result<(), Error> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Error::Closed);
        }
        state.compacted = true;
        self.work.notify_one();
        Ok(())
    }

    /// Leaves a transaction on the desk; the pen is for the caller, if it is there, nobody else waits, and
    /// the caller's thread may block.
    fn ask(&self, asked: Asked) -> Result<Option<Pen<'_>>, Error> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Error::Closed);
        }
        state.waiting.push_back(asked);
        if state.waiting.len() == 1 && may_block() {
            return Ok(self.take(&mut state));
        }
        if state.pen.is_some() {
            self.work.notify_one();
        }
        Ok(None)
    }

    /// Takes the pen and what waits, up to a batch.
    fn take(&self, state: &mut State) -> Option<Pen<'_>> {
        let writer = state.pen.take()?;
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while bytes < limits::BATCH_BYTES
            && let Some(asked) = state.waiting.pop_front()
        {
            bytes += asked.0.bytes();
            batch.push(asked);
        }
        state.compacted = false;
        Some(Pen {
            desk: self,
            writer: Some(writer),
            batch,
        })
    }

    /// What the writer's thread does: serves those who wait until the desk is closed and nobody does.
    pub(super) fn serve(&self) {
        loop {
            let mut state = self.state.lock();
            let pen = loop {
                let due = !state.waiting.is_empty() || state.compacted;
                if due && let Some(pen) = self.take(&mut state) {
                    break pen;
                }
                if state.closed && !due {
                    let writer = state.pen.take();
                    drop(state);
                    return writer.into_iter().for_each(Writer::end);
                }
                self.work.wait(&mut state);
            };
            drop(state);
            pen.write();
        }
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.work.notify_one();
    }
}

/// The pen in somebody's hand; dropping it lays it down.
struct Pen<'a> {
    desk: &'a Desk,
    writer: Option<Writer>,
    batch: Vec<Asked>,
}

impl Pen<'_> {
    fn write(mut self) {
        let batch = std::mem::take(&mut self.batch);
        if let Some(writer) = &mut self.writer {
            if !batch.is_empty() {
                writer.commit(batch);
            }
            writer.tend();
        }
    }
}

impl Drop for Pen<'_> {
    fn drop(&mut self) {
        let mut state = self.desk.state.lock();
        if std::thread::panicking() {
            // What a commit that broke off left is unknown: nobody builds on it.
            state.closed = true;
            state.compacted = false;
            state.waiting.clear();
            tracing::error!("the store takes no more writes: a commit ended in a panic");
        } else {
            state.pen = self.writer.take();
        }
        if state.closed || state.compacted || !state.waiting.is_empty() {
            self.desk.work.notify_one();
        }
    }
}

/// Whether the caller's thread may wait for the disk: its runtime has others to go on with.
fn may_block() -> bool {
    Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, embedded::place::Volatile, embedded::recover, ledger::Ledger};
    use std::{path::Path, sync::Arc};

    fn desk(directory: &Path) -> Arc<Desk> {
        let volatile = Volatile::default();
        let found = recover::open(directory, Limits::default(), &volatile).unwrap();
        let ledger = Arc::new(Ledger::new(found.index));
        let (active, sealed) = (found.active, found.sealed);
        let directory = directory.to_owned();
        let limits = Limits::default();
        let writer = Writer::new(directory, ledger, active, sealed, limits, volatile);
        Arc::new(Desk::new(writer))
    }

    fn put(key: &str) -> Transaction {
        Transaction::put(key, "value")
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_lone_write_needs_no_other_thread() {
        let directory = tempfile::tempdir().unwrap();
        let desk = desk(directory.path());
        for revision in 2..5 {
            let outcome = desk.transact(put("a")).await.unwrap();
            assert_eq!(outcome, Outcome::Committed(revision));
        }
        desk.close();
        assert!(matches!(desk.transact(put("a")).await, Err(Error::Closed)));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_comes_while_somebody_writes_is_committed_by_the_thread() {
        let directory = tempfile::tempdir().unwrap();
        let desk = desk(directory.path());
        let pen = desk.take(&mut desk.state.lock()).unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..10 {
            let desk = Arc::clone(&desk);
            tasks.spawn(async move { desk.transact(put(&n.to_string())).await });
        }
        while desk.state.lock().waiting.len() < 10 {
            tokio::task::yield_now().await;
        }
        let served = Arc::clone(&desk);
        let thread = std::thread::spawn(move || served.serve());
        drop(pen);
        let mut revisions = Vec::new();
        for outcome in tasks.join_all().await {
            match outcome.unwrap() {
                Outcome::Committed(revision) => revisions.push(revision),
                refused => panic!("{refused:?}"),
            }
        }
        revisions.sort_unstable();
        assert_eq!(revisions, (2..12).collect::<Vec<_>>());
        desk.close();
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn a_commit_that_breaks_off_closes_the_desk() {
        let directory = tempfile::tempdir().unwrap();
        let desk = desk(directory.path());
        let broken = Arc::clone(&desk);
        let broke = std::thread::spawn(move || {
            let _pen = broken.take(&mut broken.state.lock()).unwrap();
            panic!("as a commit might");
        });
        assert!(broke.join().is_err());
        assert!(matches!(desk.transact(put("a")).await, Err(Error::Closed)));
        desk.serve();
    }
}
