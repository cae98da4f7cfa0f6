//! The first bytes of a connection, within a time: until they say which HTTP it is, nobody else has a clock
//! running, and a peer that sends none of them would hold its place for ever. Who says HTTP/2 has another
//! clock from then on.

use crate::idle::{Busy, IdleClock};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What HTTP/2 begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose first bytes were read and are given out again.
pub(crate) struct Greeted<S> {
    stream: S,
    first: [u8; PREFACE.len()],
    /// What of `first` was not given out again.
    left: std::ops::Range<usize>,
    /// For HTTP/2: a stream that is idle for too long has ended.
    idle: Option<IdleClock>,
}

impl<S> Greeted<S> {
    /// What is to be told of requests, where that keeps the connection.
    pub(crate) fn busy(&self) -> Option<Busy> {
        self.idle.as_ref().map(|clock| clock.busy.clone())
    }
}

/// Reads until the bytes are HTTP/2's preface or cannot become it.
pub(crate) async fn greeted<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<Greeted<S>> {
    let mut first = [0; PREFACE.len()];
    let mut filled = 0;
    while filled < first.len() && first[..filled] == PREFACE[..filled] {
        match stream.read(&mut first[filled..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => filled += more,
        }
    }
    Ok(Greeted {
        stream,
        first,
        left: 0..filled,
        idle: (first == *PREFACE).then(IdleClock::new),
    })
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self {
            stream,
            first,
            left,
            idle,
        } = &mut *self;
        if idle.as_mut().is_some_and(|clock| clock.is_over(context)) {
            return Poll::Ready(Ok(()));
        }
        if left.start == left.end {
            return Pin::new(stream).poll_read(context, buffer);
        }
        let more = (left.end - left.start).min(buffer.remaining());
        buffer.put_slice(&first[left.start..left.start + more]);
        left.start += more;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
