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

/// Transactions asked for at once (embedded engine); more wait in their own tasks.
pub(crate) const WRITE_QUEUE: usize = 1_024;
/// A group commit takes no further transaction once it has so many bytes.
pub(crate) const BATCH_BYTES: usize = 4 << 20;
/// Longest frame of the log: a group commit that took one more transaction of the largest size, with
/// room for its framing.
pub(crate) const FRAME_BYTES: usize = BATCH_BYTES + TRANSACTION_BYTES + (2 << 20);
/// The log reserves room on disk in steps of this, written as zeros, so that a commit changes nothing of the
/// file but its bytes: on ext4 a durable write then takes less than half of what appending takes.
pub(crate) const RESERVE_BYTES: u64 = 1 << 20;
/// A rewrite of the log makes itself durable in steps of this, so that commits never wait behind one
/// large flush.
pub(crate) const REWRITE_STEP_BYTES: usize = 1 << 20;
/// Keys visited per hold of the index's lock while rewriting.
pub(crate) const REWRITE_KEYS: usize = 1_024;
/// A range of more values than this is read on a thread that may block.
pub(crate) const INLINE_READS: usize = 64;

/// Revisions that volatile commits may take before the log must reserve more of them. One small write
/// for so many; at most so many revisions stay unused at a restart.
/// Tests reach the end of a block sooner.
pub(crate) const VOLATILE_REVISIONS: u64 = if cfg!(test) { 100 } else { 1_000_000 };

/// What may be tuned, for tests and small machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most changes kept as history.
    pub history_changes: usize,
    /// Most bytes of superseded values kept as history.
    pub history_bytes: u64,
    /// Garbage below this never starts a rewrite of the log (embedded engine).
    pub garbage_bytes: u64,
    /// Most bytes of keys and values under volatile prefixes (embedded engine).
    pub volatile_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            history_changes: 65_536,
            history_bytes: 64 << 20,
            garbage_bytes: 16 << 20,
            volatile_bytes: 16 << 20,
        }
    }
}
