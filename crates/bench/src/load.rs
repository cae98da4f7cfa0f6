//! Closed-loop load: each worker sends its next request when it has the answer to the last.

use anyhow::Result;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// When a load ends.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// After this time.
    Time(Duration),
    /// After so many requests.
    Count(u64),
}

/// What a load came to.
pub(crate) struct Load {
    /// How long each request took.
    pub(crate) latencies: Latencies,
    /// How long it all took.
    pub(crate) elapsed: Duration,
}

/// Times, for percentiles.
#[derive(Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Load {
    /// Requests done.
    pub(crate) fn count(&self) -> usize {
        self.latencies.0.len()
    }

    /// Requests per second.
    pub(crate) fn per_second(&self) -> f64 {
        self.count() as f64 / self.elapsed.as_secs_f64()
    }
}

impl Latencies {
    /// Adds one.
    pub(crate) fn push(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// The time in milliseconds that this share of them stayed within.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = (sorted.len() as f64 * share).ceil() as usize;
        let found = sorted.get(place.saturating_sub(1));
        found.map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// Lets every worker work until the end; requests are numbered from 0 across workers.
pub(crate) async fn run<W, F, Fut>(workers: Vec<W>, until: Until, work: F) -> Result<Load>
where
    W: Send + 'static,
    F: Fn(W, u64) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<W>> + Send,
{
    let numbers = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for mut worker in workers {
        let (numbers, work) = (Arc::clone(&numbers), work.clone());
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let sent = Instant::now();
                let over = match until {
                    Until::Time(time) => sent - start >= time,
                    Until::Count(count) => number >= count,
                };
                if over {
                    return anyhow::Ok(latencies);
                }
                worker = work(worker, number).await?;
                latencies.push(sent.elapsed());
            }
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        all.extend(ended??);
    }
    Ok(Load {
        latencies: Latencies(all),
        elapsed: start.elapsed(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn counts_and_percentiles() {
        let work = |worker: (), _| async move { Ok(worker) };
        let load = run(vec![(); 3], Until::Count(100), work).await.unwrap();
        assert_eq!(load.count(), 100);
        let latencies = Latencies((1..=100).map(Duration::from_millis).collect());
        assert_eq!(
            (latencies.percentile(0.5), latencies.percentile(0.99)),
            (50.0, 99.0)
        );
        assert_eq!(Latencies::default().percentile(0.5), 0.0);
    }
}
