//! A queue of keys: each key at most once, at most one worker on a key, delayed keys, and back-off
//! for keys that fail. Upstream: client-go's rate-limiting workqueue.

use parking_lot::Mutex;
use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    hash::Hash,
    time::Duration,
};
use stdx::backoff::{Backoff, Backoffs};
use tokio::{sync::Notify, time::Instant};

/// Waits after a failed reconcile, as upstream's default rate limiter grows them.
const RETRY: Backoff = Backoff::new(Duration::from_millis(5), Duration::from_secs(60));

/// Keys that wait to be worked on. Bounded by the number of objects, since each key is in it once.
pub struct Queue<K> {
    state: Mutex<State<K>>,
    wake: Notify,
}

struct State<K> {
    ready: VecDeque<K>,
    queued: HashSet<K>,
    working: HashSet<K>,
    /// Keys that came up while they were worked on.
    again: HashSet<K>,
    delayed: BTreeSet<(Instant, K)>,
    due: HashMap<K, Instant>,
    failures: Backoffs<K>,
}

impl<K: Clone + Eq + Hash + Ord> Default for Queue<K> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                ready: VecDeque::new(),
                queued: HashSet::new(),
                working: HashSet::new(),
                again: HashSet::new(),
                delayed: BTreeSet::new(),
                due: HashMap::new(),
                failures: Backoffs::new(RETRY),
            }),
            wake: Notify::new(),
        }
    }
}

impl<K: Clone + Eq + Hash + Ord> Queue<K> {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key, unless it waits already. A key that is worked on now comes up once more after.
    pub fn add(&self, key: K) {
        self.state.lock().add(key);
        self.wake.notify_one();
    }

    /// Adds a key after a while; of two such wishes the earlier counts.
    pub fn add_after(&self, key: K, wait: Duration) {
        self.state.lock().delay(key, Instant::now() + wait);
        self.wake.notify_one();
    }

    /// The next key; it stays withheld from other workers until [`Queue::done`].
    pub async fn next(&self) -> K {
        loop {
            let next_due = {
                let mut state = self.state.lock();
                state.promote(Instant::now());
                if let Some(key) = state.take() {
                    // Another worker may have slept through the notification of the rest.
                    if !state.ready.is_empty() {
                        self.wake.notify_one();
                    }
                    return key;
                }
                state.delayed.first().map(|(due, _)| *due)
            };
            match next_due {
                Some(due) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(due) => {}
                        () = self.wake.notified() => {}
                    }
                }
                None => self.wake.notified().await,
            }
        }
    }

    /// Gives a key back. It comes up again at once if it was added meanwhile.
    pub fn done(&self, key: &K) {
        let mut state = self.state.lock();
        state.working.remove(key);
        if state.again.remove(key) {
            state.add(key.clone());
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Gives a key back that succeeded: its failures are forgotten.
    pub fn succeeded(&self, key: &K) {
        self.state.lock().failures.succeed(key);
        self.done(key);
    }

    /// Gives a key back that failed: it comes up again after its back-off, which is returned.
    pub fn failed(&self, key: &K) -> Duration {
        let wait = self.state.lock().failures.fail(key.clone());
        self.add_after(key.clone(), wait);
        self.done(key);
        wait
    }
}

impl<K: Clone + Eq + Hash + Ord> State<K> {
    fn add(&mut self, key: K) {
        if self.working.contains(&key) {
            self.again.insert(key);
        } else if self.queued.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    fn delay(&mut self, key: K, due: Instant) {
        match self.due.get(&key).copied() {
            Some(sooner) if sooner <= due => return,
            Some(later) => {
                self.delayed.remove(&(later, key.clone()));
            }
            None => {}
        }
        self.due.insert(key.clone(), due);
        self.delayed.insert((due, key));
    }

    fn promote(&mut self, now: Instant) {
        while self.delayed.first().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, key)) = self.delayed.pop_first() {
                self.due.remove(&key);
                self.add(key);
            }
        }
    }

    fn take(&mut self) -> Option<K> {
        let key = self.ready.pop_front()?;
        self.queued.remove(&key);
        self.working.insert(key.clone());
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_worked_on_once_at_a_time() {
        let queue = Queue::new();
        queue.add("a");
        queue.add("a");
        assert_eq!(queue.next().await, "a");
        queue.add("a");
        queue.add("b");
        assert_eq!(queue.next().await, "b");
        queue.done(&"a");
        assert_eq!(queue.next().await, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_of_two_delays_counts() {
        let queue = Queue::new();
        let start = Instant::now();
        queue.add_after("a", Duration::from_secs(60));
        queue.add_after("a", Duration::from_secs(5));
        queue.add_after("a", Duration::from_secs(30));
        assert_eq!(queue.next().await, "a");
        assert_eq!(start.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_back_off_and_success_forgets() {
        let queue = Queue::new();
        queue.add("a");
        for expected in [5, 10, 20] {
            let key = queue.next().await;
            assert_eq!(queue.failed(&key).as_millis(), expected);
        }
        let key = queue.next().await;
        queue.succeeded(&key);
        queue.add("a");
        let key = queue.next().await;
        assert_eq!(queue.failed(&key).as_millis(), 5);
    }
}
