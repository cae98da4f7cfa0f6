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
};

/// Events of a watch that may wait to be looked at.
const WATCH_QUEUE: usize = 65_536;

/// One connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
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
        let authority = target.authority.clone();
        Ok(Self { sender, authority })
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
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Incoming)> {
        self.sender.ready().await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.authority)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(Full::new(body))?;
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
        let (status, body) = self.send(method, path, body).await?;
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
        let said = || String::from_utf8_lossy(&body[..body.len().min(500)]).into_owned();
        ensure!(status.is_success(), "{what}: {status}: {}", said());
        Ok(body)
    }

    /// Watches; each event comes with the moment it arrived.
    pub(crate) async fn watch(mut self, path: &str) -> Result<mpsc::Receiver<(Instant, Value)>> {
        let (status, mut body) = self.send(Method::GET, path, Bytes::new()).await?;
        ensure!(status.is_success(), "GET {path}: {status}");
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
