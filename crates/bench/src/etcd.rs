//! Debian's etcd, if there is one: the rival of the store, and the store of kube-apiserver.

use crate::protobuf;
use anyhow::{Context, Result, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    client::conn::http2::{SendRequest, handshake},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

const ADDRESS: &str = "127.0.0.1:23790";
const PEER: &str = "http://127.0.0.1:23800";
/// How long it may take to answer.
const START: Duration = Duration::from_secs(20);

/// A running etcd; it ends when this is dropped.
pub(crate) struct Etcd {
    /// Name and version.
    pub(crate) name: String,
    pub(crate) pid: u32,
    _child: Child,
}

impl Etcd {
    /// Starts it and waits until it answers; `None` when there is no etcd.
    pub(crate) async fn start(directory: &Path) -> Result<Option<Self>> {
        let version = Command::new("etcd").arg("--version").output().await;
        let Ok(version) = version else {
            return Ok(None);
        };
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        let version = version.lines().next().unwrap_or_default();
        let name = version.replace(" Version:", "").trim().to_owned();
        let url = Self::url();
        let child = Command::new("etcd")
            .arg("--data-dir")
            .arg(directory)
            .args(["--name", "bench", "--log-level", "error"])
            .args(["--listen-client-urls", &url])
            .args(["--advertise-client-urls", &url])
            .args(["--listen-peer-urls", PEER])
            .args(["--initial-advertise-peer-urls", PEER])
            .args(["--initial-cluster", &format!("bench={PEER}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start etcd")?;
        let ready = async {
            loop {
                if let Ok(client) = Client::connect().await
                    && client.put("ready", b"").await.is_ok()
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let answered = tokio::time::timeout(START, ready).await;
        answered.context("etcd does not answer")?;
        Ok(Some(Self {
            name,
            pid: child.id().context("etcd has ended")?,
            _child: child,
        }))
    }

    /// Where it answers.
    pub(crate) fn url() -> String {
        format!("http://{ADDRESS}")
    }
}

/// One HTTP/2 connection to it.
pub(crate) struct Client(SendRequest<Full<Bytes>>);

impl Client {
    /// Connects.
    pub(crate) async fn connect() -> Result<Self> {
        let stream = TcpStream::connect(ADDRESS).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        // Its end shows as an error of the next request.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self(sender))
    }

    /// Sets a key.
    pub(crate) async fn put(self, key: &str, value: &[u8]) -> Result<Self> {
        let fields = [(1, key.as_bytes()), (2, value)];
        self.call("Put", framed(&fields)).await
    }

    /// Reads a key.
    pub(crate) async fn get(self, key: &str) -> Result<Self> {
        self.call("Range", framed(&[(1, key.as_bytes())])).await
    }

    async fn call(mut self, method: &str, message: Bytes) -> Result<Self> {
        self.0.ready().await?;
        let request = Request::post(format!("{}/etcdserverpb.KV/{method}", Etcd::url()))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(message))?;
        let response = self.0.send_request(request).await?;
        let early = response.headers().get("grpc-status").cloned();
        let body = response.into_body().collect().await?;
        let status = body
            .trailers()
            .and_then(|t| t.get("grpc-status").cloned())
            .or(early);
        ensure!(
            status.as_ref().is_some_and(|s| s == "0"),
            "etcd refused {method}: {status:?}"
        );
        Ok(self)
    }
}

/// A gRPC message: not compressed, its length, the message.
fn framed(fields: &[(u8, &[u8])]) -> Bytes {
    let message = protobuf::message(fields);
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(&message);
    framed.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_their_length_before_them() {
        let bytes = framed(&[(1, b"k")]);
        assert_eq!(bytes, &[0, 0, 0, 0, 3, 0x0A, 1, b'k'][..]);
    }
}
