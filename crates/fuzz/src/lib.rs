//! Fuzzing without a toolchain of its own: a loop over seeds that a test of any crate runs, and the
//! mutations it makes of good input. For tests only.
//!
//! Each seed is one run and one seed gives the same run again. A test runs a fixed list of seeds and a few
//! fresh ones; `SAMPAN_FUZZ_SECONDS` makes every target go on with fresh seeds for that long, and
//! `SAMPAN_FUZZ_SEED` repeats the one that a failure printed.

mod bytes;
mod json;
mod tree;

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

pub use json::text as json_text;

/// Runs `check` with the seeds below `seeds`, with a quarter as many fresh ones, and on for as long as
/// `SAMPAN_FUZZ_SECONDS` says.
///
/// # Panics
/// As `check` does; the seed is printed first.
pub fn run(target: &str, seeds: u64, mut check: impl FnMut(&mut Random)) {
    if let Some(seed) = number("SAMPAN_FUZZ_SEED") {
        return one(target, seed, &mut check);
    }
    for seed in 0..seeds {
        one(target, seed, &mut check);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let fresh = Random::new(now.map_or(0, |it| it.as_nanos() as u64)).next();
    for nth in 0..seeds / 4 {
        one(target, fresh.wrapping_add(nth), &mut check);
    }
    let Some(seconds) = number("SAMPAN_FUZZ_SECONDS") else {
        return;
    };
    let end = Instant::now() + Duration::from_secs(seconds.min(1 << 20));
    let mut seed = fresh.wrapping_add(seeds);
    while Instant::now() < end {
        one(target, seed, &mut check);
        seed = seed.wrapping_add(1);
    }
}

fn one(target: &str, seed: u64, check: &mut impl FnMut(&mut Random)) {
    let mut random = Random::new(seed);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&mut random))) {
        eprintln!("fuzzing {target} failed: SAMPAN_FUZZ_SEED={seed} repeats it");
        resume_unwind(panic);
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Numbers from one seed, and what is made with them.
#[derive(Debug)]
pub struct Random(stdx::random::Random);

impl Random {
    /// The same seed gives the same numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(stdx::random::Random::from_seed(seed))
    }

    /// The next number.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0.next()
    }

    /// A number below `bound`; 0 when that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % (bound.max(1) as u64)) as usize
    }

    /// Whether one chance in `of` came true.
    pub fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// One of `items`.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len())]
    }

    /// Up to `most` of the tokens, one behind the other, some many times over.
    pub fn text(&mut self, tokens: &[&str], most: usize) -> String {
        let mut text = String::new();
        for _ in 0..=self.below(most) {
            let times = if self.one_in(20) {
                1 + self.below(300)
            } else {
                1
            };
            text.push_str(&self.pick(tokens).repeat(times));
        }
        text
    }
}
