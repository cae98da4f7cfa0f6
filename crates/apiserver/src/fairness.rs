//! How many requests may run at once. Reads and writes apart, so that neither starves the other;
//! watches and connections are long and are not counted. Upstream: max-in-flight.

use crate::route::Route;
use machinery::status::Status;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reads at once.
const READS: usize = 400;
/// Writes at once.
const WRITES: usize = 200;

pub(crate) struct Fairness {
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
}

impl Default for Fairness {
    fn default() -> Self {
        Self {
            reads: Arc::new(Semaphore::new(READS)),
            writes: Arc::new(Semaphore::new(WRITES)),
        }
    }
}

impl Fairness {
    /// A place among the running requests, given back when dropped.
    pub(crate) fn enter(&self, route: &Route) -> Result<Option<OwnedSemaphorePermit>, Status> {
        let long = route.target.as_ref().is_none_or(|target| {
            matches!(
                target.subresource.as_str(),
                "log" | "exec" | "attach" | "portforward" | "proxy"
            )
        });
        let places = match route.verb {
            "watch" => return Ok(None),
            _ if long => return Ok(None),
            "get" | "list" => &self.reads,
            _ => &self.writes,
        };
        Arc::clone(places)
            .try_acquire_owned()
            .map(Some)
            .map_err(|_| Status::too_many_requests("The apiserver is currently too busy to handle the request, please try again later.", 1))
    }
}
