//! Exponential waiting between attempts, per key and bounded, as client-go's rate limiters and the
//! kubelet's container back-off use it.

use std::{collections::HashMap, hash::Hash, time::Duration};
use tokio::time::Instant;

/// How long to wait after the nth failure: `base * 2^n`, at most `ceiling`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Wait after the first failure.
    pub base: Duration,
    /// Longest wait.
    pub ceiling: Duration,
}

impl Backoff {
    /// A back-off from `base` doubling up to `ceiling`.
    #[must_use]
    pub const fn new(base: Duration, ceiling: Duration) -> Self {
        Self { base, ceiling }
    }

    /// The wait after `failures` earlier failures (0 = the first failure just happened).
    #[must_use]
    pub fn delay(&self, failures: u32) -> Duration {
        self.base
            .checked_mul(1u32.checked_shl(failures.min(31)).unwrap_or(u32::MAX))
            .map_or(self.ceiling, |wait| wait.min(self.ceiling))
    }
}

/// Failure counts per key. A key is forgotten on success, or once it has been quiet for twice the
/// ceiling; so the map is bounded by the keys that fail now.
#[derive(Debug)]
pub struct Backoffs<K> {
    policy: Backoff,
    failures: HashMap<K, (u32, Instant)>,
}

impl<K: Eq + Hash> Backoffs<K> {
    /// No failures yet.
    #[must_use]
    pub fn new(policy: Backoff) -> Self {
        Self {
            policy,
            failures: HashMap::new(),
        }
    }

    /// Counts a failure of `key` and returns how long to wait before trying again.
    pub fn fail(&mut self, key: K) -> Duration {
        let now = Instant::now();
        let quiet = self.policy.ceiling * 2;
        self.failures
            .retain(|_, (_, last)| now.duration_since(*last) <= quiet);
        let (count, last) = self.failures.entry(key).or_insert((0, now));
        let wait = self.policy.delay(*count);
        *count = count.saturating_add(1);
        *last = now;
        wait
    }

    /// Forgets `key`: its next failure waits `base` again.
    pub fn succeed(&mut self, key: &K) {
        self.failures.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_ceiling() {
        let policy = Backoff::new(Duration::from_secs(10), Duration::from_secs(300));
        let waits: Vec<_> = (0..7).map(|n| policy.delay(n).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(policy.delay(u32::MAX), policy.ceiling);
    }

    #[tokio::test(start_paused = true)]
    async fn success_and_silence_forget() {
        let mut all = Backoffs::new(Backoff::new(
            Duration::from_secs(1),
            Duration::from_secs(60),
        ));
        assert_eq!(all.fail("a").as_secs(), 1);
        assert_eq!(all.fail("a").as_secs(), 2);
        all.succeed(&"a");
        assert_eq!(all.fail("a").as_secs(), 1);
        tokio::time::advance(Duration::from_secs(121)).await;
        assert_eq!(all.fail("a").as_secs(), 1);
    }
}
