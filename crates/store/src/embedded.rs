//! The embedded engine: an append-only log on one disk, keys in memory, values read from the page
//! cache. Why an own log: docs/decisions/0001-own-log.md.
//!
//! `segment` is one file, `frame` the unit of a group commit in it, `recover` opens a directory,
//! `writer` alone appends, `desk` says who holds it, `rewrite` drops garbage beside it.

#[cfg(test)]
mod bad_input;
mod desk;
mod frame;
mod place;
mod recover;
mod rewrite;
mod segment;
#[cfg(test)]
mod tests;
mod writer;

use crate::{
    Entry, Error, Limits, Outcome, RangeOptions, RangeResult, Revision, Store, Transaction, Watch,
    ledger::Ledger, limits,
};
use async_trait::async_trait;
use desk::Desk;
use place::{Place, Volatile};
use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};
use writer::Writer;

/// How a store is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Its bounds.
    pub limits: Limits,
    /// Prefixes of keys that are kept in memory only. They have revisions, histories and watches as
    /// others do, cost no disk write, and are forgotten when the store is closed.
    pub volatile: Vec<String>,
}

impl From<Limits> for Options {
    fn from(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }
}

/// A durable store in one directory. Dropping it finishes the last commit and unlocks the directory.
pub struct Embedded {
    ledger: Arc<Ledger<Place>>,
    desk: Arc<Desk>,
    writer: Option<JoinHandle<()>>,
    _lock: File,
}

impl Embedded {
    /// Opens the store in `directory`, creating it if need be. Blocks while reading the log.
    ///
    /// # Errors
    /// When another process holds it, it is damaged, or the disk fails.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        Self::open_with(directory, Limits::default())
    }

    /// Opens with other bounds than the usual ones, or with volatile keys. History that volatile keys
    /// may have been part of is not kept from one opening to the next, so that nobody reads or watches
    /// it with holes.
    ///
    /// # Errors
    /// As [`Embedded::open`].
    pub fn open_with(directory: &Path, options: impl Into<Options>) -> Result<Self, Error> {
        let Options { limits, volatile } = options.into();
        let volatile = Volatile::new(volatile);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(failed("create the directory", directory))?;
        let lock = lock(directory)?;
        let recovered = recover::open(directory, limits, &volatile)?;
        let ledger = Arc::new(Ledger::new(recovered.index));
        let writer = Writer::new(
            directory.to_owned(),
            Arc::clone(&ledger),
            recovered.active,
            recovered.sealed,
            limits,
            volatile,
        );
        let desk = Arc::new(Desk::new(writer));
        let served = Arc::clone(&desk);
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || served.serve())
            .map_err(failed("start a writer for", directory))?;
        Ok(Self {
            ledger,
            desk,
            writer: Some(thread),
            _lock: lock,
        })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.desk.close();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer ended in a panic");
        }
    }
}

#[async_trait]
impl Store for Embedded {
    async fn get(&self, key: &str, at: Option<Revision>) -> Result<Option<Entry>, Error> {
        self.ledger.get(key, at)
    }

    async fn range(&self, options: RangeOptions<'_>) -> Result<RangeResult, Error> {
        let page = self.ledger.page(options)?;
        if page.len() <= limits::INLINE_READS {
            return page.load();
        }
        tokio::task::spawn_blocking(move || page.load())
            .await
            .map_err(|_| Error::Closed)?
    }

    async fn transact(&self, transaction: Transaction) -> Result<Outcome, Error> {
        transaction.check()?;
        self.desk.transact(transaction).await
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, Error> {
        self.ledger.watch(prefix, from)
    }

    async fn compact(&self, before: Revision) -> Result<(), Error> {
        self.ledger.compact(before)?;
        self.desk.compacted()
    }

    fn revision(&self) -> Revision {
        self.ledger.revision()
    }
}

/// Takes the directory for this process; the kernel gives it back however the process ends.
fn lock(directory: &Path) -> Result<File, Error> {
    let path = directory.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let read = file.read_to_string(&mut holder);
            return Err(Error::Locked {
                path: directory.to_owned(),
                holder: match read {
                    Ok(_) if !holder.trim().is_empty() => format!("process {}", holder.trim()),
                    _ => "another process".into(),
                },
            });
        }
        Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .or_else(|error| if is_full(&error) { Ok(()) } else { Err(error) })
        .map_err(failed("write", &path))?;
    Ok(file)
}

/// Makes an error of a failed file operation; no room is its own error.
fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path: PathBuf = path.to_owned();
    move |source| {
        if is_full(&source) {
            return Error::Full { path };
        }
        Error::Io {
            operation,
            path,
            source: Arc::new(source),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Makes names in a directory durable.
fn sync_directory(directory: &Path) -> Result<(), Error> {
    File::open(directory)
        .and_then(|file| file.sync_all())
        .map_err(failed("make durable", directory))
}
