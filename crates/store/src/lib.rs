//! The Ledger: revisioned bytes, compare-and-set, watch. Upstream's counterpart is etcd behind
//! `storage.Interface`. It knows no Kubernetes and never parses a value.
//!
//! One transaction is one revision. Reads are of one revision, present or retained; a watch is every
//! change after a revision, in order, with no gap. Engines: [`Memory`] for tests, [`Embedded`] for one
//! machine. Every engine passes the one conformance suite of this crate.

mod embedded;
mod error;
mod index;
mod ledger;
mod limits;
mod memory;
#[cfg(test)]
mod suite;
mod transaction;
mod watch;

use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;

pub use embedded::{Embedded, Options};
pub use error::Error;
pub use limits::Limits;
pub use memory::Memory;
pub use transaction::{Condition, Outcome, Transaction, Write};
pub use watch::{Bell, Event, ProgressRequest, Watch};

/// One per committed transaction: 1 for an empty store, strictly rising, kept across restarts.
pub type Revision = u64;

/// A key as it stood at some revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub key: Arc<str>,
    /// Its bytes.
    pub value: Bytes,
    /// The revision that last wrote it.
    pub revision: Revision,
}

/// Which entries to read. `RangeOptions::default()` is everything, now.
#[derive(Clone, Copy, Debug, Default)]
pub struct RangeOptions<'a> {
    /// Keys that start with this.
    pub prefix: &'a str,
    /// Only keys after this one, to go on where a page ended.
    pub start_after: Option<&'a str>,
    /// At most so many; 0 means all.
    pub limit: usize,
    /// As of this revision; `None` is the present.
    pub at: Option<Revision>,
}

/// One page of entries, in key order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeResult {
    /// The page.
    pub entries: Vec<Entry>,
    /// Whether entries follow it.
    pub more: bool,
    /// The store's revision it was read at; pass it as `at` to read the next page of the same state.
    pub revision: Revision,
}

/// One key written or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Arc<str>,
    /// What it holds now; `None` when it was deleted.
    pub value: Option<Bytes>,
    /// What it held before; `None` when it did not exist.
    pub previous: Option<Bytes>,
    /// The transaction that did it.
    pub revision: Revision,
}

/// A revisioned map of bytes. Used as `Arc<dyn Store>`.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads one key, now or as of a retained revision.
    async fn get(&self, key: &str, at: Option<Revision>) -> Result<Option<Entry>, Error>;

    /// Reads the keys under a prefix, all of one revision.
    async fn range(&self, options: RangeOptions<'_>) -> Result<RangeResult, Error>;

    /// Checks every condition, then does every write as one revision. Returns only once that is
    /// durable. A transaction that changes nothing takes no revision and answers the present one.
    async fn transact(&self, transaction: Transaction) -> Result<Outcome, Error>;

    /// Every change under `prefix` after the revision `from` (exclusive), in order, without a gap.
    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, Error>;

    /// Forgets history: revisions below `before` can no longer be read or watched from.
    async fn compact(&self, before: Revision) -> Result<(), Error>;

    /// The latest committed revision.
    fn revision(&self) -> Revision;
}
