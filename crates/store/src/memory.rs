//! The memory engine: the store of tests, gone with the process.

use crate::{
    Entry, Error, Limits, Outcome, RangeOptions, RangeResult, Revision, Store, Transaction, Watch,
    ledger::Ledger,
    transaction::{Batch, Verdict},
};
use async_trait::async_trait;
use bytes::Bytes;

/// A store that keeps everything in memory.
pub struct Memory(Ledger<Bytes>);

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// An empty store with its own bounds.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self(Ledger::empty(limits))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Store for Memory {
    async fn get(&self, key: &str, at: Option<Revision>) -> Result<Option<Entry>, Error> {
        self.0.get(key, at)
    }

    async fn range(&self, options: RangeOptions<'_>) -> Result<RangeResult, Error> {
        self.0.page(options)?.load()
    }

    async fn transact(&self, transaction: Transaction) -> Result<Outcome, Error> {
        transaction.check()?;
        let index = self.0.index().write();
        match Batch::new(&index).judge(&transaction)? {
            Verdict::Answer(outcome) => Ok(outcome),
            Verdict::Write(changes) => {
                let places = changes.iter().map(|change| change.value.clone());
                self.0.commit(index, &changes, places);
                Ok(Outcome::Committed(changes[0].revision))
            }
        }
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, Error> {
        self.0.watch(prefix, from)
    }

    async fn compact(&self, before: Revision) -> Result<(), Error> {
        self.0.compact(before)
    }

    fn revision(&self) -> Revision {
        self.0.revision()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{model, suite};
    use std::sync::Arc;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn conforms() {
        suite(&|limits| Arc::new(Memory::with_limits(limits))).await;
    }

    proptest::proptest! {
        #[test]
        fn equals_the_model(steps in model::steps()) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(model::play(steps, Arc::new(Memory::new()), &|store| store, false));
        }
    }
}
