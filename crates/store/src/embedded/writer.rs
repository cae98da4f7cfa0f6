//! The writer: it owns the end of the log. It takes whatever is waiting, judges it, writes one frame,
//! makes it durable once, shows it to readers and watchers, and answers. It never waits for more to
//! come: the batch grows by itself while the disk is busy. On whose thread it does so, `desk` decides.

use super::{
    desk::Asked,
    failed, frame,
    place::{Place, Volatile},
    recover,
    rewrite::{Rewrite, Rewritten},
    segment::{Header, Segment},
};
use crate::{
    Change, Error, Limits, Outcome, Revision, Transaction, Write,
    index::{Index, Value},
    ledger::Ledger,
    limits,
    transaction::{Batch, Verdict},
};
use rustix::fs::{FallocateFlags, fallocate};
use std::{os::unix::fs::FileExt, path::PathBuf, sync::Arc};
use tokio::sync::oneshot;

/// The end of the log and its owner.
pub(super) struct Writer {
    directory: PathBuf,
    ledger: Arc<Ledger<Place>>,
    active: Arc<Segment>,
    /// Where the next frame goes. Invariant: everything before it is durable.
    offset: u64,
    /// How far the file has room reserved.
    reserved: u64,
    sealed: Vec<Arc<Segment>>,
    sealed_bytes: u64,
    frame: frame::Builder,
    limits: Limits,
    volatile: Volatile,
    /// Bytes of keys and values that only memory holds.
    volatile_bytes: u64,
    /// Volatile commits may take revisions up to this one: the active file says so.
    ceiling: Revision,
    rewrite: Option<Rewrite>,
    /// After a rewrite failed, the log grows to this before the next try.
    rewrite_at: u64,
    /// Set when the disk failed so that what it holds is unknown: no further writes until reopened.
    broken: Option<Error>,
}

type Answer = (oneshot::Sender<Result<Outcome, Error>>, Outcome);

impl Writer {
    pub(super) fn new(
        directory: PathBuf,
        ledger: Arc<Ledger<Place>>,
        (active, offset): (Arc<Segment>, u64),
        (sealed, sealed_bytes): (Vec<Arc<Segment>>, u64),
        limits: Limits,
        volatile: Volatile,
    ) -> Self {
        Self {
            directory,
            ledger,
            active,
            offset,
            reserved: 0,
            sealed,
            sealed_bytes,
            frame: frame::Builder::default(),
            limits,
            volatile,
            volatile_bytes: 0,
            ceiling: 0,
            rewrite: None,
            rewrite_at: 0,
            broken: None,
        }
    }

    /// Lets go of the log.
    pub(super) fn end(mut self) {
        if let Some(rewrite) = self.rewrite.take() {
            rewrite.stop();
        }
    }

    /// Commits what holds of a batch, all at once, and answers everybody.
    pub(super) fn commit(&mut self, batch: Vec<Asked>) {
        let (answers, changes) = self.judge(batch);
        let result = if changes.is_empty() {
            Ok(())
        } else {
            self.write(&changes)
        };
        let mut left = false;
        for (answer, outcome) in answers {
            // A caller that no longer waits has left; its write stands all the same.
            left |= answer.send(result.clone().map(|()| outcome)).is_err();
        }
        if left {
            self.ledger.ring();
        }
    }

    fn judge(&self, batch: Vec<Asked>) -> (Vec<Answer>, Vec<Change>) {
        let index = self.ledger.index().read();
        let mut judged = Batch::new(&index);
        let mut answers = Vec::with_capacity(batch.len());
        let mut changes = Vec::with_capacity(batch.len());
        let mut growth = 0;
        for (transaction, answer) in batch {
            let more = self.growth(&index, &transaction);
            let judged = self
                .admit(growth + more)
                .and_then(|()| judged.judge(&transaction));
            match judged {
                Ok(Verdict::Write(wanted)) => {
                    growth += more;
                    answers.push((answer, Outcome::Committed(wanted[0].revision)));
                    changes.extend(wanted);
                }
                Ok(Verdict::Answer(outcome)) => answers.push((answer, outcome)),
                Err(error) => drop(answer.send(Err(error))),
            }
        }
        (answers, changes)
    }

    /// How many bytes of memory the volatile writes of a transaction would add.
    fn growth(&self, index: &Index<Place>, transaction: &Transaction) -> u64 {
        let added = |write: &Write| match write {
            Write::Put { key, value } if self.volatile.covers(key) => match index.latest(key) {
                Some((.., held)) => value.len().saturating_sub(held.size()),
                None => key.len() + value.len(),
            },
            Write::Put { .. } | Write::Delete { .. } => 0,
        };
        transaction.writes.iter().map(added).sum::<usize>() as u64
    }

    fn admit(&self, growth: u64) -> Result<(), Error> {
        let (size, limit) = (self.volatile_bytes + growth, self.limits.volatile_bytes);
        if growth == 0 || size <= limit {
            return Ok(());
        }
        Err(Error::TooLarge {
            what: "what the volatile keys hold".into(),
            size: usize::try_from(size).unwrap_or(usize::MAX),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        })
    }

    /// Makes the changes durable, but for volatile ones, then visible. Writes nothing if all are.
    fn write(&mut self, changes: &[Change]) -> Result<(), Error> {
        self.frame.clear();
        let last = changes.last().map_or(0, |change| change.revision);
        let any_volatile = changes.iter().any(|it| self.volatile.covers(&it.key));
        let mut ceiling = self.ceiling;
        if any_volatile && last > ceiling {
            ceiling = last + limits::VOLATILE_REVISIONS;
            self.frame.push_ceiling(ceiling);
        }
        let mut places = Vec::with_capacity(changes.len());
        for change in changes {
            places.push(if self.volatile.covers(&change.key) {
                change.value.clone().map(Box::new).map(Place::Memory)
            } else {
                let value = change.value.as_deref();
                let at = self.frame.push(change.revision, &change.key, value);
                let offset = self.offset + at as u64;
                value.map(|value| Place::in_log(&self.active, offset, value.len()))
            });
        }
        if self.frame.len() > frame::HEADER {
            self.append()?;
            self.ceiling = ceiling;
        }
        for change in changes.iter().filter(|it| self.volatile.covers(&it.key)) {
            let size = |value: &Option<_>| value.as_ref().map_or(0, |it| held(&change.key, it));
            self.volatile_bytes += size(&change.value);
            self.volatile_bytes -= size(&change.previous);
        }
        let index = self.ledger.index().write();
        self.ledger.commit(index, changes, places.into_iter());
        Ok(())
    }

    /// Appends the frame, durably or not at all.
    fn append(&mut self) -> Result<(), Error> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        if let Err(error) = self.write_frame() {
            self.roll_back(&error);
            return Err(error);
        }
        self.offset += self.frame.len() as u64;
        Ok(())
    }

    fn write_frame(&mut self) -> Result<(), Error> {
        self.reserve(self.offset + self.frame.len() as u64)?;
        let bytes = self.frame.finish(self.active.header.salt, self.offset);
        let file = &self.active.file;
        file.write_all_at(bytes, self.offset)
            .map_err(failed("write", &self.active.path))?;
        file.sync_data()
            .map_err(failed("make durable", &self.active.path))
    }

    /// Sees that the disk has room up to `end`, so that a full disk is known before anything is
    /// written. Where it cannot be reserved the write itself finds out.
    fn reserve(&mut self, end: u64) -> Result<(), Error> {
        if end <= self.reserved {
            return Ok(());
        }
        let from = self.offset;
        let until = end.next_multiple_of(limits::RESERVE_BYTES);
        for until in [until, end] {
            match fallocate(
                &self.active.file,
                FallocateFlags::empty(),
                from,
                until - from,
            ) {
                Ok(()) => {
                    self.blank(from, until)?;
                    self.reserved = until;
                    return Ok(());
                }
                Err(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => {}
                Err(_) => return Ok(()),
            }
        }
        Err(Error::Full {
            path: self.active.path.clone(),
        })
    }

    /// Writes zeros where room is reserved. Room that was never written is noted in the file system's journal
    /// when it first is, in the flush that a commit waits for.
    fn blank(&self, from: u64, until: u64) -> Result<(), Error> {
        let zeros = vec![0; usize::try_from(until - from).unwrap_or_default()];
        let written = self.active.file.write_all_at(&zeros, from);
        written.map_err(failed("write", &self.active.path))
    }

    /// Undoes a write that failed. If even that fails, or the disk lost what it had, no later write
    /// may build on it.
    fn roll_back(&mut self, cause: &Error) {
        let file = &self.active.file;
        self.reserved = 0;
        let undone = file.set_len(self.offset).and_then(|()| file.sync_data());
        let known = matches!(cause, Error::Full { .. });
        if !known || undone.is_err() {
            tracing::error!(error = %cause, "the store takes no more writes until it is reopened");
            self.broken = Some(cause.clone());
        }
    }

    /// Between commits: ends a finished rewrite, begins one when garbage outweighs the rest.
    pub(super) fn tend(&mut self) {
        match self.rewrite.take() {
            Some(rewrite) if rewrite.is_finished() => self.finish_rewrite(rewrite.join()),
            running => self.rewrite = running,
        }
        let total = self.sealed_bytes + self.offset;
        let retained = self.ledger.index().read().retained_bytes();
        let due = (2 * retained + self.limits.garbage_bytes).max(self.rewrite_at);
        if self.rewrite.is_none() && self.broken.is_none() && total > due {
            match self.start_rewrite() {
                Ok(rewrite) => self.rewrite = Some(rewrite),
                Err(error) => self.rewrite_failed(&error),
            }
        }
    }

    /// Goes on in a new file and rewrites all before it.
    fn start_rewrite(&mut self) -> Result<Rewrite, Error> {
        let until = self.ledger.revision();
        let number = self.active.header.number + 1;
        let next = Header {
            number: number + 1,
            salt: recover::salt(&self.directory)?,
            after: until,
            replaces_until: None,
        };
        let next = Segment::draft(&self.directory, next)?.publish(&self.directory)?;
        let old = std::mem::replace(&mut self.active, Arc::new(next));
        self.sealed_bytes += self.offset;
        self.sealed.push(old);
        self.offset = super::segment::BODY;
        self.reserved = 0;
        // The new file does not say it yet, and what did is about to go.
        self.ceiling = 0;
        Rewrite::start(
            self.directory.clone(),
            (Arc::clone(&self.ledger), self.volatile.clone()),
            std::mem::take(&mut self.sealed),
            number,
            until,
        )
    }

    fn finish_rewrite(&mut self, (sealed, result): Rewritten) {
        self.sealed = sealed;
        match result {
            Ok(bytes) => {
                self.sealed_bytes = bytes;
                self.rewrite_at = 0;
            }
            Err(error) => self.rewrite_failed(&error),
        }
    }

    fn rewrite_failed(&mut self, error: &Error) {
        self.rewrite_at = self.sealed_bytes + self.offset + self.limits.garbage_bytes;
        tracing::warn!(%error, "cannot rewrite the log without its garbage; will try again later");
    }
}

/// Memory that a volatile key takes.
fn held(key: &str, value: &bytes::Bytes) -> u64 {
    (key.len() + value.len()) as u64
}
