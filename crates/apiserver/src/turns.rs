//! Turns at a contended key. A write that was overtaken waits here before it tries again, so that a
//! storm on one key (a quota that every create of a namespace charges) is a queue, not a race in which
//! some lose every time. First tries never wait. Upstream: the quota evaluator's batches.

use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Who waits for which key. Bounded by the requests that may run at once.
#[derive(Default)]
pub(crate) struct Turns {
    lanes: Mutex<HashMap<String, Lane>>,
}

struct Lane {
    /// One permit, given in order of arrival.
    turn: Arc<Semaphore>,
    /// How many wait or go.
    here: usize,
}

/// The turn at a key, passed on when dropped.
pub(crate) struct Turn<'a> {
    // Before `place`: the next one goes before the lane is cleared away.
    _permit: Option<OwnedSemaphorePermit>,
    _place: Place<'a>,
}

struct Place<'a> {
    turns: &'a Turns,
    key: String,
}

impl Turns {
    /// Passes on the turn that was held, if any, and waits for one at `key`.
    pub(crate) async fn next<'a>(&'a self, turn: &mut Option<Turn<'a>>, key: &str) {
        drop(turn.take());
        *turn = Some(self.wait(key).await);
    }

    /// Waits until everybody who came before has gone.
    async fn wait(&self, key: &str) -> Turn<'_> {
        let turn = {
            let mut lanes = self.lanes.lock();
            let lane = lanes.entry(key.to_owned()).or_insert_with(|| Lane {
                turn: Arc::new(Semaphore::new(1)),
                here: 0,
            });
            lane.here += 1;
            Arc::clone(&lane.turn)
        };
        let place = Place {
            turns: self,
            key: key.to_owned(),
        };
        Turn {
            // It is never closed, so this is always a permit.
            _permit: turn.acquire_owned().await.ok(),
            _place: place,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lanes = self.turns.lanes.lock();
        if let Some(lane) = lanes.get_mut(&self.key) {
            lane.here -= 1;
            if lane.here == 0 {
                lanes.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn one_at_a_time_in_order_and_nothing_is_left() {
        let turns = Turns::default();
        let first = turns.wait("a").await;
        let other = turns.wait("b").now_or_never();
        assert!(other.is_some(), "another key does not wait");
        let mut second = Box::pin(turns.wait("a"));
        assert!((&mut second).now_or_never().is_none());
        let mut gives_up = Box::pin(turns.wait("a"));
        assert!((&mut gives_up).now_or_never().is_none());
        drop(gives_up);
        drop(first);
        assert!(second.now_or_never().is_some());
        drop(other);
        assert!(turns.lanes.lock().is_empty());
    }
}
