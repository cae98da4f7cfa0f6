//! HTTP/2 connections on which nothing is asked are ended after a while, whether their peer pings or not.
//! Upstream: `IdleTimeout` of its HTTP/2 server, to which pings are no activity either.

use crate::answer::Body;
use bytes::Bytes;
use http::Response;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep};

/// How long nothing may be asked, as upstream.
const IDLE: Duration = Duration::from_secs(90);
/// Answers this short are on their way when they are made.
const SHORT_BYTES: u64 = 64 << 10;

/// What goes on on one connection.
#[derive(Clone)]
pub(crate) struct Busy(Arc<Mutex<State>>);

struct State {
    /// Requests that are not answered to their end.
    open: usize,
    /// When there last were any.
    last: Instant,
}

/// One request, until it is answered to its end.
pub(crate) struct Asked(Busy);

impl Busy {
    /// A request begins.
    pub(crate) fn asked(&self) -> Asked {
        self.0.lock().open += 1;
        Asked(self.clone())
    }

    /// When the connection will have been idle for too long, if nothing happens until then.
    fn until(&self) -> Instant {
        let state = self.0.lock();
        match state.open {
            0 => state.last + IDLE,
            _ => Instant::now() + IDLE,
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.open -= 1;
        state.last = Instant::now();
    }
}

impl Asked {
    /// The answer, with which the request ends.
    pub(crate) fn answered(self, response: Response<Body>) -> Response<Body> {
        let exact = response.body().size_hint().exact();
        if exact.is_some_and(|size| size <= SHORT_BYTES) {
            return response;
        }
        response.map(|body| Answering { body, _asked: self }.boxed_unsync())
    }
}

/// A body that takes its time.
struct Answering {
    body: Body,
    _asked: Asked,
}

impl http_body::Body for Answering {
    type Data = Bytes;
    type Error = crate::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Tells when a connection has been idle for too long.
pub(crate) struct IdleClock {
    pub(crate) busy: Busy,
    timer: Pin<Box<Sleep>>,
}

impl IdleClock {
    pub(crate) fn new() -> Self {
        let last = Instant::now();
        Self {
            busy: Busy(Arc::new(Mutex::new(State { open: 0, last }))),
            timer: Box::pin(sleep(IDLE)),
        }
    }

    /// Whether it is over; if not, the task is woken when it may be.
    pub(crate) fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        while self.timer.as_mut().poll(context).is_ready() {
            let until = self.busy.until();
            if until <= Instant::now() {
                return true;
            }
            self.timer.as_mut().reset(until);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::timeout;

    async fn is_over_within(clock: &mut IdleClock, seconds: u64) -> bool {
        let over = poll_fn(|context| match clock.is_over(context) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        timeout(Duration::from_secs(seconds), over).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_asked_keeps_a_connection() {
        let mut clock = IdleClock::new();
        let busy = clock.busy.clone();
        assert!(!is_over_within(&mut clock, 80).await);
        let (watch, other) = (busy.asked(), busy.asked());
        drop(other);
        assert!(!is_over_within(&mut clock, 1000).await);
        drop(watch);
        assert!(!is_over_within(&mut clock, 80).await);
        assert!(is_over_within(&mut clock, 20).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_answer_is_part_of_its_request() {
        let mut clock = IdleClock::new();
        let endless = crate::forms::stream(futures::stream::pending());
        let watch = clock.busy.asked().answered(Response::new(endless));
        let short = Response::new(crate::answer::full("ok"));
        drop(clock.busy.asked().answered(short));
        assert!(!is_over_within(&mut clock, 1000).await);
        drop(watch);
        assert!(is_over_within(&mut clock, 100).await);
    }
}
