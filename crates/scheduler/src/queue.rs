//! Pods that wait for a node: ready ones by priority and then age; refused ones parked until an
//! event that one of the refusing plugins waits for, and then their back-off, unless nobody else is ready.
//! Upstream: the scheduling queue, with `SchedulerPopFromBackoffQ`.

use crate::plugins::{Event, FILTERS};
use parking_lot::Mutex;
use reconcile::Key;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use stdx::backoff::Backoff;
use tokio::{sync::Notify, time::Instant};

/// Waits of a refused pod before it is tried again, as upstream's defaults.
const RETRY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(10));

/// A parked pod is tried again after this long even without an event, as upstream does, in case an
/// event was not foreseen.
const PARKED_LIMIT: Duration = Duration::from_secs(300);

/// The order of ready pods: higher priority first, then the one that came first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(Reverse<i32>, u64, Key);

#[derive(Debug)]
struct Waiting {
    rank: Rank,
    refusals: u32,
    /// When the last refusal was; the back-off counts from there.
    refused_at: Option<Instant>,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Ready,
    /// In `timed`, until this instant.
    Backoff(Instant),
    /// In `timed` until this instant, and woken by events of these plugins.
    Parked(Instant, Vec<&'static str>),
    /// Refused by these plugins, while what the refusal asks for is being done, and whether somebody woke it.
    Held(Vec<&'static str>, bool),
    /// Handed out.
    Out,
}

#[derive(Debug, Default)]
struct State {
    arrivals: u64,
    pods: BTreeMap<Key, Waiting>,
    ready: BTreeSet<Rank>,
    timed: BTreeSet<(Instant, Key)>,
    /// Those of `timed` whose back-off spares work, not somebody who failed: taken early by a scheduler that is idle.
    early: BTreeSet<(Instant, Key)>,
}

/// The pods without a node. Bounded by the number of pods, each is in it once.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Notify,
}

impl Queue {
    /// Adds a pod, or takes its new priority; a parked one is ready again since it changed.
    pub(crate) fn add(&self, key: Key, priority: i32) {
        let mut state = self.state.lock();
        if !state.pods.contains_key(&key) {
            state.arrivals += 1;
            let rank = Rank(Reverse(priority), state.arrivals, key.clone());
            state.pods.insert(
                key.clone(),
                Waiting {
                    rank,
                    refusals: 0,
                    refused_at: None,
                    place: Place::Out,
                },
            );
        }
        state.make_ready(&key);
        drop(state);
        self.wake.notify_one();
    }

    /// Forgets a pod that is gone or has a node.
    pub(crate) fn remove(&self, key: &Key) {
        let mut state = self.state.lock();
        state.take_out(key);
        state.pods.remove(key);
    }

    /// Keeps back a pod that was refused by `plugins` until it is settled.
    pub(crate) fn refuse(&self, key: &Key, plugins: Vec<&'static str>) {
        let mut state = self.state.lock();
        state.take_out(key);
        if let Some(waiting) = state.pods.get_mut(key) {
            waiting.refusals = waiting.refusals.saturating_add(1);
            waiting.refused_at = Some(Instant::now());
            waiting.place = Place::Held(plugins, false);
        }
    }

    /// Parks a refused pod now that what its refusal asked for is done, unless somebody woke it meanwhile.
    pub(crate) fn settle(&self, key: &Key) {
        let mut state = self.state.lock();
        let Some(Waiting { place, .. }) = state.pods.get_mut(key) else {
            return;
        };
        match place {
            Place::Held(_, true) => state.back_off(key, true),
            Place::Held(plugins, false) => {
                let until = Instant::now() + PARKED_LIMIT;
                *place = Place::Parked(until, std::mem::take(plugins));
                state.timed.insert((until, key.clone()));
            }
            _ => return,
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Tries a pod again after its back-off: something failed that was not its fault.
    pub(crate) fn retry(&self, key: &Key) {
        let mut state = self.state.lock();
        if let Some(waiting) = state.pods.get_mut(key) {
            waiting.refusals = waiting.refusals.saturating_add(1);
            waiting.refused_at = Some(Instant::now());
        }
        state.back_off(key, false);
        drop(state);
        self.wake.notify_one();
    }

    /// Wakes the refused pods that `event` could help.
    pub(crate) fn happened(&self, event: Event) {
        let mut state = self.state.lock();
        let mut helped = Vec::new();
        for (key, waiting) in &mut state.pods {
            match &mut waiting.place {
                Place::Parked(_, plugins) if helps(event, plugins) => helped.push(key.clone()),
                Place::Held(plugins, woken) => *woken |= helps(event, plugins),
                _ => {}
            }
        }
        for key in &helped {
            state.back_off(key, true);
        }
        drop(state);
        if !helped.is_empty() {
            self.wake.notify_one();
        }
    }

    /// The next pod to try.
    pub(crate) async fn next(&self) -> Key {
        loop {
            let due = {
                let mut state = self.state.lock();
                state.promote(Instant::now());
                if let Some(key) = state.first() {
                    state.take_out(&key);
                    return key;
                }
                state.timed.first().map(|(due, _)| *due)
            };
            match due {
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
}

/// A pod refused because there was no node at all names no plugin: any node helps it.
fn helps(event: Event, plugins: &[&'static str]) -> bool {
    if plugins.is_empty() {
        return event == Event::Node;
    }
    FILTERS
        .iter()
        .any(|filter| plugins.contains(&filter.name()) && filter.wakes_on().contains(&event))
}

impl State {
    fn first(&self) -> Option<Key> {
        let ready = self.ready.first().map(|Rank(_, _, key)| key);
        let early = || self.early.first().map(|(_, key)| key);
        ready.or_else(early).cloned()
    }

    fn take_out(&mut self, key: &Key) {
        let Some(waiting) = self.pods.get_mut(key) else {
            return;
        };
        match std::mem::replace(&mut waiting.place, Place::Out) {
            Place::Ready => {
                self.ready.remove(&waiting.rank);
            }
            Place::Backoff(until) | Place::Parked(until, _) => {
                let entry = (until, key.clone());
                self.timed.remove(&entry);
                self.early.remove(&entry);
            }
            Place::Held(..) | Place::Out => {}
        }
    }

    fn make_ready(&mut self, key: &Key) {
        if let Some(Waiting {
            place: Place::Held(_, woken),
            ..
        }) = self.pods.get_mut(key)
        {
            *woken = true;
            return;
        }
        self.take_out(key);
        if let Some(waiting) = self.pods.get_mut(key) {
            waiting.place = Place::Ready;
            self.ready.insert(waiting.rank.clone());
        }
    }

    /// Ready at the end of the back-off, which may be now.
    fn back_off(&mut self, key: &Key, early: bool) {
        self.take_out(key);
        let Some(waiting) = self.pods.get_mut(key) else {
            return;
        };
        let until = waiting
            .refused_at
            .map(|at| at + RETRY.delay(waiting.refusals.saturating_sub(1)));
        match until {
            Some(until) if until > Instant::now() => {
                waiting.place = Place::Backoff(until);
                self.timed.insert((until, key.clone()));
                if early {
                    self.early.insert((until, key.clone()));
                }
            }
            _ => self.make_ready(key),
        }
    }

    fn promote(&mut self, now: Instant) {
        while self.timed.first().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, key)) = self.timed.first().cloned() {
                self.make_ready(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
