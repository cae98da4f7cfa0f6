//! The scheduler: finds a node for each pod that has none. One cycle at a time over a snapshot kept
//! current by the shared caches; one file per plugin. It writes bindings, conditions and events,
//! and deletes what must make room for more important pods; nothing else.

mod cycle;
mod diagnosis;
mod node_selector;
mod plugins;
mod pod;
mod preemption;
mod queue;
mod resources;
mod scheduler;
mod snapshot;

pub use scheduler::{Scheduler, run};
