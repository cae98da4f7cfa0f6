//! The loop: a key in; observe, plan, apply. Shared typed caches, a work queue, the own-write
//! barrier and the recorder of events. Knows no kind (upstream: client-go's informers and
//! controller-runtime's controllers).
//!
//! The barrier replaces expectation counters: a key is handed out again only when the shared
//! caches have seen what the last reconcile of that key wrote.

mod cache;
mod caches;
mod controller;
mod correlator;
mod groups;
mod key;
mod queue;
mod recorder;
mod writes;

pub use cache::{Cache, Change};
pub use caches::Caches;
pub use controller::{Error, Outcome, Reconcile, Wiring, run};
pub use groups::Groups;
pub use key::Key;
pub use queue::Queue;
pub use recorder::{Recorder, Reference, reference};
pub use writes::Writes;
