//! Transactions: conditions and writes, and how a batch of them is judged against the index.

use crate::{
    Change, Error, Revision,
    index::{Index, Value},
    limits,
};
use bytes::Bytes;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// What must hold for a transaction to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The key does not exist.
    Absent(String),
    /// The key exists and was last written at this revision.
    AtRevision(String, Revision),
    /// The key exists.
    Present(String),
}

/// One write of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Sets a key.
    Put {
        /// The key.
        key: String,
        /// Its new bytes.
        value: Bytes,
    },
    /// Removes a key; nothing if it does not exist.
    Delete {
        /// The key.
        key: String,
    },
}

/// Conditions and, if they all hold, writes that share one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// Done together; each key at most once.
    pub writes: Vec<Write>,
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Durable at this revision.
    Committed(Revision),
    /// Nothing was done: the first condition that failed was on this key.
    Conflict {
        /// The key.
        key: String,
    },
}

impl Condition {
    fn key(&self) -> &str {
        match self {
            Self::Absent(key) | Self::AtRevision(key, _) | Self::Present(key) => key,
        }
    }

    fn holds(&self, found: Option<Revision>) -> bool {
        match self {
            Self::Absent(_) => found.is_none(),
            Self::AtRevision(_, revision) => found == Some(*revision),
            Self::Present(_) => found.is_some(),
        }
    }
}

impl Write {
    fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    fn value(&self) -> Option<&Bytes> {
        match self {
            Self::Put { value, .. } => Some(value),
            Self::Delete { .. } => None,
        }
    }
}

impl Transaction {
    /// Writes one key, whatever it holds.
    #[must_use]
    pub fn put(key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self::default().and_put(key, value)
    }

    /// Removes one key, whatever it holds.
    #[must_use]
    pub fn delete(key: impl Into<String>) -> Self {
        Self::default().and_delete(key)
    }

    /// Adds a condition.
    #[must_use]
    pub fn when(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Adds a write of a key.
    #[must_use]
    pub fn and_put(mut self, key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.writes.push(Write::Put {
            key: key.into(),
            value: value.into(),
        });
        self
    }

    /// Adds a removal of a key.
    #[must_use]
    pub fn and_delete(mut self, key: impl Into<String>) -> Self {
        self.writes.push(Write::Delete { key: key.into() });
        self
    }

    /// Bytes of keys and values it would write.
    pub(crate) fn bytes(&self) -> usize {
        let size = |write: &Write| write.key().len() + write.value().map_or(0, Bytes::len);
        self.writes.iter().map(size).sum()
    }

    /// Refuses what is over a limit, before it reaches any queue.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let bound = |what: &dyn Fn() -> String, size: usize, limit: usize| {
            (size <= limit)
                .then_some(())
                .ok_or_else(|| Error::TooLarge {
                    what: what(),
                    size,
                    limit,
                })
        };
        let operations = self.conditions.len() + self.writes.len();
        bound(
            &|| "the number of operations of a transaction".into(),
            operations,
            limits::TRANSACTION_OPERATIONS,
        )?;
        bound(
            &|| "a transaction".into(),
            self.bytes(),
            limits::TRANSACTION_BYTES,
        )?;
        let mut written = HashSet::new();
        for write in &self.writes {
            let key = write.key();
            bound(&|| "a key".into(), key.len(), limits::KEY_BYTES)?;
            let size = write.value().map_or(0, Bytes::len);
            bound(
                &|| format!("the value of {key:?}"),
                size,
                limits::VALUE_BYTES,
            )?;
            if !written.insert(key) {
                return Err(Error::DuplicateKey { key: key.into() });
            }
        }
        Ok(())
    }
}

/// Judges transactions one after the other as if each before it had already been applied.
pub(crate) struct Batch<'a, V> {
    index: &'a Index<V>,
    revision: Revision,
    pending: HashMap<Arc<str>, (Revision, Option<Bytes>)>,
}

/// What a judged transaction will do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Write these changes; the outcome holds once they are durable.
    Write(Vec<Change>),
    /// Nothing to write.
    Answer(Outcome),
}

impl<'a, V: Value> Batch<'a, V> {
    pub(crate) fn new(index: &'a Index<V>) -> Self {
        Self {
            index,
            revision: index.revision(),
            pending: HashMap::new(),
        }
    }

    pub(crate) fn judge(&mut self, transaction: &Transaction) -> Result<Verdict, Error> {
        for condition in &transaction.conditions {
            if !condition.holds(self.present(condition.key())) {
                let key = condition.key().to_owned();
                return Ok(Verdict::Answer(Outcome::Conflict { key }));
            }
        }
        let revision = self.revision + 1;
        let mut changes = Vec::with_capacity(transaction.writes.len());
        for write in &transaction.writes {
            let (key, previous) = self.previous(write.key())?;
            if write.value().is_some() || previous.is_some() {
                changes.push(Change {
                    key,
                    value: write.value().cloned(),
                    previous,
                    revision,
                });
            }
        }
        if changes.is_empty() {
            return Ok(Verdict::Answer(Outcome::Committed(self.revision)));
        }
        self.revision = revision;
        for change in &changes {
            let state = (revision, change.value.clone());
            self.pending.insert(Arc::clone(&change.key), state);
        }
        Ok(Verdict::Write(changes))
    }

    /// When the key was last written, if it exists.
    fn present(&self, key: &str) -> Option<Revision> {
        match self.pending.get(key) {
            Some((revision, value)) => value.as_ref().map(|_| *revision),
            None => self.index.latest(key).map(|(_, revision, _)| revision),
        }
    }

    /// The key as it is shared in memory, and what it holds.
    fn previous(&self, key: &str) -> Result<(Arc<str>, Option<Bytes>), Error> {
        if let Some((key, (_, value))) = self.pending.get_key_value(key) {
            return Ok((Arc::clone(key), value.clone()));
        }
        match self.index.latest(key) {
            Some((key, _, value)) => Ok((Arc::clone(key), Some(value.load()?))),
            None => Ok((Arc::from(key), None)),
        }
    }
}
