//! Connections: HTTP/1.1 kept alive, one request at a time, as small as can be so that the client's own
//! cost stays out of the figures.

#[cfg(test)]
mod tests;

use crate::kubeconfig::Target;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode,
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::time::Instant;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
};

/// Events of a watch that may wait to be looked at.
const WATCH_QUEUE: usize = 65_536;

/// What objects are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Protobuf,
}

impl Encoding {
    /// Its media type.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/vnd.kubernetes.protobuf",
        }
    }

    /// Its name in figures.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Protobuf => "protobuf",
        }
    }
}

/// One connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    token: Option<String>,
    encoding: Encoding,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(&target.authority).await?;
        stream.set_nodelay(true)?;
        let sender = match &target.tls {
            Some((tls, name)) => start(tls.connect(name.clone(), stream).await?).await?,
            None => start(stream).await?,
        };
        Ok(Self {
            sender,
            authority: target.authority.clone(),
            token: target.token.clone(),
            encoding: Encoding::Json,
        })
    }

    /// The same connection, sending and asking for objects in this encoding.
    pub(crate) fn speaking(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// So many connections.
    pub(crate) async fn open_many(target: &Target, count: usize) -> Result<Vec<Self>> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Self::open(target).await?);
        }
        Ok(connections)
    }

    /// Sends a request and waits for the head of the answer.
    async fn send(
        &mut self,
        method: Method,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<(StatusCode, Incoming)> {
        self.sender.ready().await?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.authority)
            .header("content-type", content_type)
            .header("accept", self.encoding.media_type());
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Full::new(body))?;
        let response = self.sender.send_request(request).await?;
        Ok((response.status(), response.into_body()))
    }

    /// Sends a request and reads the whole answer, whatever its status.
    pub(crate) async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes)> {
        let content_type = self.encoding.media_type();
        let (status, body) = self.send(method, path, content_type, body).await?;
        Ok((status, body.collect().await?.to_bytes()))
    }

    /// Sends a request that must succeed.
    pub(crate) async fn expect(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes> {
        let what = format!("{method} {path}");
        let (status, body) = self
            .call(method, path, body)
            .await
            .with_context(|| what.clone())?;
        succeeded(&what, status, body)
    }

    /// Sends a patch that must succeed.
    pub(crate) async fn patch(
        &mut self,
        path: &str,
        content_type: &'static str,
        body: Bytes,
    ) -> Result<Bytes> {
        let (status, body) = self.send(Method::PATCH, path, content_type, body).await?;
        let body = body.collect().await?.to_bytes();
        succeeded(&format!("PATCH {path}"), status, body)
    }

    /// Watches; each event comes with the moment it arrived.
    pub(crate) async fn watch(mut self, path: &str) -> Result<mpsc::Receiver<(Instant, Value)>> {
        let mut body = self.stream(path).await?;
        let (events, receiver) = mpsc::channel(WATCH_QUEUE);
        tokio::spawn(async move {
            let mut pending = Vec::new();
            while let Some(Ok(frame)) = body.frame().await {
                let arrived = Instant::now();
                pending.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = pending.drain(..=end).collect();
                    let Ok(event) = serde_json::from_slice(&line) else {
                        continue;
                    };
                    if events.send((arrived, event)).await.is_err() {
                        return;
                    }
                }
            }
            drop(self);
        });
        Ok(receiver)
    }

    /// Watches and only says when each change of an object arrived: as little work as can be, for a
    /// thousand watchers share the machine with the server. The watch ends with `watchers`.
    pub(crate) async fn modifications(
        mut self,
        path: &str,
        arrivals: mpsc::UnboundedSender<Instant>,
        watchers: &mut JoinSet<()>,
    ) -> Result<()> {
        let mut body = self.stream(path).await?;
        let encoding = self.encoding;
        watchers.spawn(async move {
            let mut pending = Vec::new();
            while let Some(Ok(frame)) = body.frame().await {
                let arrived = Instant::now();
                pending.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                let mut at = 0;
                while let Some(length) = frame_length(encoding, &pending[at..]) {
                    let begin = &pending[at..at + length.min(TYPE_WITHIN)];
                    let modified = begin.windows(MODIFIED.len()).any(|it| it == MODIFIED);
                    if modified && arrivals.send(arrived).is_err() {
                        return;
                    }
                    at += length;
                }
                pending.drain(..at);
            }
            drop(self);
        });
        Ok(())
    }

    async fn stream(&mut self, path: &str) -> Result<Incoming> {
        let content_type = self.encoding.media_type();
        let sent = self.send(Method::GET, path, content_type, Bytes::new());
        let (status, body) = sent.await?;
        ensure!(status.is_success(), "GET {path}: {status}");
        Ok(body)
    }
}

const MODIFIED: &[u8] = b"MODIFIED";
/// Bytes at a frame's begin that name its type.
const TYPE_WITHIN: usize = 24;

/// How long the first frame of a watch is, when it is there whole.
fn frame_length(encoding: Encoding, bytes: &[u8]) -> Option<usize> {
    let length = match encoding {
        Encoding::Json => 1 + bytes.iter().position(|byte| *byte == b'\n')?,
        Encoding::Protobuf => 4 + u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?) as usize,
    };
    (length <= bytes.len()).then_some(length)
}

fn succeeded(what: &str, status: StatusCode, body: Bytes) -> Result<Bytes> {
    let said = || String::from_utf8_lossy(&body[..body.len().min(500)]).into_owned();
    ensure!(status.is_success(), "{what}: {status}: {}", said());
    Ok(body)
}

async fn start<S>(stream: S) -> Result<SendRequest<Full<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Its end shows as an error of the next request.
    tokio::spawn(async move { connection.await.ok() });
    Ok(sender)
}
