//! Durable writes per second of the embedded store, beside etcd's on the same disk in the same run.

use crate::{
    figure::Figure,
    load::{self, Load, Until},
};
use ::store::{Embedded, Outcome, Store, Transaction};
use anyhow::{Context, Result, bail, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    client::conn::http2::{SendRequest, handshake},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

const SECONDS: u64 = 3;
const VALUE_BYTES: usize = 1024;
const WRITERS: [usize; 3] = [1, 16, 64];
const ETCD: &str = "127.0.0.1:23790";
const ETCD_PEER: &str = "http://127.0.0.1:23800";
const HOW: &str = "its gRPC Put on one HTTP/2 connection per writer; ours is called in process";
/// How long etcd may take to answer.
const ETCD_START: Duration = Duration::from_secs(20);

/// Options of `bench store`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Directory on the disk to measure
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Seconds per figure
    #[arg(long, default_value_t = SECONDS)]
    seconds: u64,
    /// Bytes per value
    #[arg(long, default_value_t = VALUE_BYTES)]
    value_bytes: usize,
    /// Numbers of concurrent writers
    #[arg(long, value_delimiter = ',', default_values_t = WRITERS)]
    writers: Vec<usize>,
}

impl Arguments {
    /// The defaults, on the disk of this directory.
    pub(crate) fn in_directory(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            seconds: SECONDS,
            value_bytes: VALUE_BYTES,
            writers: WRITERS.into(),
        }
    }
}

/// Prints the figures.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let time = Until::Time(Duration::from_secs(arguments.seconds));
    let value = Bytes::from(vec![b'x'; arguments.value_bytes]);
    for writers in arguments.writers {
        let ours = embedded(&arguments.dir, writers, &value, time).await?;
        let rival = etcd(&arguments.dir, writers, &value, time).await?;
        let (name, rival) = rival.unzip();
        Figure::new("store_durable_puts", ours.per_second(), "1/s")
            .with("writers", writers)
            .with("value_bytes", value.len())
            .with_number("p50_ms", Some(ours.latencies.percentile(0.5)))
            .with_number("p99_ms", Some(ours.latencies.percentile(0.99)))
            .with_rival(
                &name.unwrap_or_default(),
                rival.map(|load| load.per_second()),
                HOW,
            )
            .print();
    }
    Ok(())
}

fn key(number: u64) -> String {
    format!("/registry/configmaps/default/{number:012}")
}

async fn embedded(dir: &Path, writers: usize, value: &Bytes, time: Until) -> Result<Load> {
    let directory = tempfile::tempdir_in(dir)?;
    let store = Arc::new(Embedded::open(directory.path())?);
    let value = value.clone();
    load::run(vec![store; writers], time, move |store, number| {
        let put = Transaction::put(key(number), value.clone());
        async move {
            match store.transact(put).await? {
                Outcome::Committed(_) => Ok(store),
                Outcome::Conflict { key } => bail!("conflict on {key} without a condition"),
            }
        }
    })
    .await
}

async fn etcd(
    dir: &Path,
    writers: usize,
    value: &Bytes,
    time: Until,
) -> Result<Option<(String, Load)>> {
    let directory = tempfile::tempdir_in(dir)?;
    let Some((_server, name)) = start_etcd(directory.path()).await? else {
        return Ok(None);
    };
    let mut clients = Vec::with_capacity(writers);
    for _ in 0..writers {
        clients.push(connect().await?);
    }
    let value = value.clone();
    let load = load::run(clients, time, move |client, number| {
        let message = put_request(&key(number), &value);
        async move { grpc_put(client, message).await }
    });
    Ok(Some((name, load.await?)))
}

/// Starts etcd and waits until it answers; `None` when there is no etcd.
async fn start_etcd(directory: &Path) -> Result<Option<(Child, String)>> {
    let version = Command::new("etcd").arg("--version").output().await;
    let Ok(version) = version else {
        return Ok(None);
    };
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let version = version
        .lines()
        .next()
        .unwrap_or_default()
        .replace(" Version:", "");
    let url = format!("http://{ETCD}");
    let server = Command::new("etcd")
        .arg("--data-dir")
        .arg(directory)
        .args(["--name", "bench", "--log-level", "error"])
        .args([
            "--listen-client-urls",
            &url,
            "--advertise-client-urls",
            &url,
        ])
        .args([
            "--listen-peer-urls",
            ETCD_PEER,
            "--initial-advertise-peer-urls",
            ETCD_PEER,
        ])
        .args(["--initial-cluster", &format!("bench={ETCD_PEER}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start etcd")?;
    let ready = async {
        loop {
            if let Ok(client) = connect().await
                && grpc_put(client, put_request("ready", b"")).await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let answered = tokio::time::timeout(ETCD_START, ready).await;
    answered.context("etcd does not answer")?;
    Ok(Some((server, version.trim().to_owned())))
}

async fn connect() -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(ETCD).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    // Its end shows as an error of the next request.
    tokio::spawn(async move { connection.await.ok() });
    Ok(sender)
}

/// A gRPC message of etcd's `PutRequest`: the fields key (1) and value (2), both bytes.
fn put_request(key: &str, value: &[u8]) -> Bytes {
    let mut message = BytesMut::new();
    for (tag, field) in [(0x0A, key.as_bytes()), (0x12, value)] {
        message.put_u8(tag);
        let mut length = field.len();
        while length >= 0x80 {
            message.put_u8(length as u8 | 0x80);
            length >>= 7;
        }
        message.put_u8(length as u8);
        message.put_slice(field);
    }
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(&message);
    framed.freeze()
}

async fn grpc_put(
    mut client: SendRequest<Full<Bytes>>,
    message: Bytes,
) -> Result<SendRequest<Full<Bytes>>> {
    client.ready().await?;
    let request = Request::post(format!("http://{ETCD}/etcdserverpb.KV/Put"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(message))?;
    let response = client.send_request(request).await?;
    let early = response.headers().get("grpc-status").cloned();
    let body = response.into_body().collect().await?;
    let status = body
        .trailers()
        .and_then(|t| t.get("grpc-status").cloned())
        .or(early);
    ensure!(
        status.as_ref().is_some_and(|s| s == "0"),
        "etcd refused a put: {status:?}"
    );
    Ok(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn put_requests_are_protobuf() {
        let bytes = put_request("k", &[7; 200]);
        assert_eq!(bytes[..5], [0, 0, 0, 0, 206]);
        assert_eq!(bytes[5..11], [0x0A, 1, b'k', 0x12, 0xC8, 0x01]);
        assert_eq!(bytes.len(), 5 + 206);
    }
}
