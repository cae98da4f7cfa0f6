//! Every bound of the store, in one place.

/// Largest value. Upstream's etcd takes 1.5 MiB requests; the API server's own limit of 3 MiB bodies
/// shrinks on decoding, so 2 MiB admits all that etcd would.
pub(crate) const VALUE_BYTES: usize = 2 << 20;
/// Longest key.
pub(crate) const KEY_BYTES: usize = 4 << 10;
/// Most conditions plus writes of one transaction (etcd's `--max-txn-ops`).
pub(crate) const TRANSACTION_OPERATIONS: usize = 128;
/// Most bytes written by one transaction.
pub(crate) const TRANSACTION_BYTES: usize = 8 << 20;
/// Most changes a watcher may leave unread before it is cut off.
pub(crate) const WATCH_QUEUE: usize = 16_384;
/// Changes read from retained history per step of a watch.
pub(crate) const REPLAY_STEP: usize = 512;

/// What may be tuned, for tests and small machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most changes kept as history.
    pub history_changes: usize,
    /// Most bytes of superseded values kept as history.
    pub history_bytes: u64,
    /// Garbage below this never starts a rewrite of the log (embedded engine).
    pub garbage_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            history_changes: 65_536,
            history_bytes: 64 << 20,
            garbage_bytes: 16 << 20,
        }
    }
}
