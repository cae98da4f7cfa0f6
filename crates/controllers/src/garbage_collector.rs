//! Promise: an object whose owners are all gone goes too; an object deleted in the foreground waits for its
//! dependents, one deleted with `Orphan` lets them go. Works on every resource the server serves, by its
//! metadata alone. Upstream: garbage-collector-controller.

mod collect;
mod graph;
mod uid;
mod watch;

use crate::Context;
use client::Client;
use collect::Collector;
use graph::Graph;
use parking_lot::Mutex;
use reconcile::Queue;
use std::sync::Arc;
use stdx::tasks::Tasks;
use uid::Uid;

pub(crate) const NAME: &str = "garbage-collector-controller";
/// Objects worked on at once.
const WORKERS: usize = 4;

/// What the watches fill and the workers empty.
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) graph: Mutex<Graph>,
    /// UIDs of objects to look at.
    pub(crate) queue: Queue<Uid>,
}

/// Runs the collector on `tasks`.
pub(crate) fn run(context: &Context, tasks: &Tasks) {
    let shared = Arc::new(Shared {
        client: context.caches.client().named(NAME),
        graph: Mutex::default(),
        queue: Queue::new(),
    });
    let (watching, group) = (Arc::clone(&shared), tasks.clone());
    tasks.spawn(NAME, async move {
        // Nothing is judged before every resource has been listed once: an owner not yet seen is not gone.
        let served = watch::start(&watching, &group).await;
        for _ in 0..WORKERS {
            let collector = Collector::new(Arc::clone(&watching), Arc::clone(&served));
            group.spawn(NAME, async move { collector.work().await });
        }
    });
}
