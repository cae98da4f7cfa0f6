//! What can go wrong in a store, said so that the reader knows what to do.

use crate::Revision;
use std::{io, path::PathBuf, sync::Arc};

/// Why the store refused or failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The revision was compacted away.
    #[error("revision {requested} has been compacted; the oldest readable revision is {oldest}")]
    Compacted {
        /// What was asked for.
        requested: Revision,
        /// The oldest revision that can be read or watched from.
        oldest: Revision,
    },
    /// The revision does not exist yet.
    #[error("revision {requested} is in the future; the store is at revision {current}")]
    Future {
        /// What was asked for.
        requested: Revision,
        /// The latest committed revision.
        current: Revision,
    },
    /// No room on disk. Nothing was lost; writes work again once there is room.
    #[error(
        "no space left on the disk of {path}: the write was not done; free some space and try again"
    )]
    Full {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// Over a limit of the store.
    #[error("{what} is too large: {size}, at most {limit}")]
    TooLarge {
        /// Which thing.
        what: String,
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// One transaction writes a key twice.
    #[error("key {key:?} is written twice in one transaction")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// Another process has the data directory open.
    #[error("{path} is in use by {holder}: stop it or choose another data directory")]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// Who holds it, as far as known.
        holder: String,
    },
    /// The file is damaged where it had been durable.
    #[error(
        "{path} is damaged at byte {offset}: {reason}; nothing was changed: restore the directory from a backup"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The operating system failed.
    #[error("cannot {operation} {path}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        source: Arc<io::Error>,
    },
    /// A watcher left too many changes unread and was cut off; it must list and watch again.
    #[error("the watch of {prefix:?} fell {limit} changes behind and was ended")]
    SlowWatcher {
        /// What it watched.
        prefix: String,
        /// The bound of its queue.
        limit: usize,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
