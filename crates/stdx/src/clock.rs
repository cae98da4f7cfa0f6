//! Wall-clock time as an argument. Durations and timers are tokio's (pausable in tests); this is
//! only the question "what time is it", so that a test cluster can answer it from one place.

use jiff::Timestamp;
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};

/// Tells the time of day. Cheap to clone; clones of a fixed clock move together.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Mutex<Timestamp>>>);

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    #[must_use]
    pub fn fixed(start: Timestamp) -> Self {
        Self(Some(Arc::new(Mutex::new(start))))
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0
            .as_ref()
            .map_or_else(Timestamp::now, |fixed| *fixed.lock())
    }

    /// Moves a fixed clock forward; the system clock moves by itself and ignores this.
    pub fn advance(&self, by: Duration) {
        if let Some(fixed) = &self.0 {
            let mut now = fixed.lock();
            *now = now.checked_add(by).unwrap_or(Timestamp::MAX);
        }
    }
}

/// The present time cut to whole seconds, as Kubernetes' `metav1.Time` stores it.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_clock_moves_only_when_told() {
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        let twin = clock.clone();
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        clock.advance(Duration::from_secs(90));
        assert_eq!(twin.now().as_second(), 90);
    }
}
