//! Sessions over SPDY: the client opens one stream for each of error, stdin, stdout, stderr and resize.

use super::{
    Channel, INPUT_QUEUE, Output, RESIZE_QUEUE, Remote, Serve, Wanted, handshake, spdy, websocket,
};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use std::{io, time::Duration};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Versions of the protocol, the preferred first.
const PROTOCOLS: &[&str] = &[
    "v4.channel.k8s.io",
    "v3.channel.k8s.io",
    "v2.channel.k8s.io",
    "channel.k8s.io",
];
/// How long the client may take to open the streams it asked for.
const OPENING: Duration = Duration::from_secs(30);

/// Switches to SPDY and serves a session.
pub(super) fn session(
    mut request: Request<Incoming>,
    wanted: Wanted,
    serve: Serve,
) -> Response<Full<Bytes>> {
    let (protocol, response) = match handshake::spdy(request.headers(), PROTOCOLS, "channel.k8s.io")
    {
        Ok(accepted) => accepted,
        Err(refusal) => return *refusal,
    };
    let upgrading = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let upgraded = match upgrading.await {
            Ok(upgraded) => upgraded,
            Err(error) => return tracing::debug!(%error, "a client did not follow to SPDY"),
        };
        let stop = CancellationToken::new();
        let mut streams = spdy::serve(TokioIo::new(upgraded), stop.clone());
        let opened = tokio::time::timeout(OPENING, gather(&mut streams, wanted, protocol)).await;
        match opened {
            Ok(Some(parts)) => {
                // Streams that come late belong to no protocol; the connection is kept drained all the same.
                let late = tokio::spawn(async move { while streams.recv().await.is_some() {} });
                serve(parts.remote(protocol)).await;
                late.abort();
            }
            _ => tracing::debug!("a client did not open the streams that it asked for"),
        }
        stop.cancel();
    });
    response
}

#[derive(Default)]
struct Parts {
    error: Option<spdy::Writer>,
    stdout: Option<spdy::Writer>,
    stderr: Option<spdy::Writer>,
    stdin: Option<mpsc::Receiver<Bytes>>,
    resize: Option<mpsc::Receiver<Bytes>>,
}

/// Waits for the streams that the query announces; nothing when the client goes away first.
async fn gather(
    streams: &mut mpsc::Receiver<spdy::Stream>,
    wanted: Wanted,
    protocol: &str,
) -> Option<Parts> {
    let resizes = wanted.tty && (protocol.starts_with("v3") || protocol.starts_with("v4"));
    let expected = 1
        + usize::from(wanted.stdin)
        + usize::from(wanted.stdout)
        + usize::from(wanted.stderr)
        + usize::from(resizes);
    let mut parts = Parts::default();
    for _ in 0..expected {
        let stream = streams.recv().await?;
        match stream.header("streamtype") {
            Some("error") => parts.error = Some(stream.output),
            Some("stdin") => parts.stdin = Some(stream.input),
            Some("stdout") => parts.stdout = Some(stream.output),
            Some("stderr") => parts.stderr = Some(stream.output),
            Some("resize") => parts.resize = Some(stream.input),
            _ => return None,
        }
    }
    parts.error.is_some().then_some(parts)
}

impl Parts {
    fn remote(self, protocol: &str) -> Remote {
        let (sizes, resize) = mpsc::channel(RESIZE_QUEUE);
        if let Some(mut input) = self.resize {
            tokio::spawn(async move {
                while let Some(chunk) = input.recv().await {
                    // A new size replaces those that wait: only the last one matters.
                    if let Some(size) = websocket::size(chunk.trim_ascii()) {
                        let _ = sizes.try_send(size);
                    }
                }
            });
        }
        Remote {
            stdin: self.stdin.unwrap_or_else(|| mpsc::channel(INPUT_QUEUE).1),
            resize,
            output: Box::new(SpdyOutput {
                error: self.error,
                stdout: self.stdout,
                stderr: self.stderr,
            }),
            status_objects: protocol.starts_with("v4"),
        }
    }
}

struct SpdyOutput {
    error: Option<spdy::Writer>,
    stdout: Option<spdy::Writer>,
    stderr: Option<spdy::Writer>,
}

#[async_trait]
impl Output for SpdyOutput {
    async fn write(&self, channel: Channel, data: Bytes) -> io::Result<()> {
        let writer = match channel {
            Channel::Stdout => &self.stdout,
            Channel::Stderr => &self.stderr,
            Channel::Error => &self.error,
        };
        match writer {
            Some(writer) => writer.write(data).await,
            None => Ok(()),
        }
    }

    async fn finish(&self) {
        for writer in [&self.stdout, &self.stderr, &self.error]
            .into_iter()
            .flatten()
        {
            // A client that is gone already is as good.
            let _ = writer.finish().await;
        }
        // The client closes the connection when it has read everything.
        if let Some(error) = &self.error {
            let _ = tokio::time::timeout(Duration::from_secs(5), error.gone()).await;
        }
    }

    async fn gone(&self) {
        match &self.error {
            Some(error) => error.gone().await,
            None => std::future::pending().await,
        }
    }
}
