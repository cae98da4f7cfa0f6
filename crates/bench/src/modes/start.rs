//! A server on a fresh directory: how soon it answers, what it uses at rest, how soon pods run.

use crate::{
    figure::Figure,
    http::Connection,
    kubeconfig::Target,
    load::Latencies,
    process,
    servers::{self, PATIENCE, Server, wait},
};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::{process::Command, sync::mpsc};

const PODS: &str = "/api/v1/namespaces/default/pods";
/// Time for what a start leaves behind to settle before idleness is measured.
const SETTLE: Duration = Duration::from_secs(5);

/// Options of `bench start`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The program to measure
    #[arg(long)]
    pub(super) sampan: PathBuf,
    /// Directory under which the server keeps its data
    #[arg(long, default_value = ".")]
    pub(super) dir: PathBuf,
    /// Port of its API
    #[arg(long, default_value_t = 6443)]
    port: u16,
    /// Image that the server has at start
    #[arg(long, default_value = concat!("sampan/hello:v", env!("CARGO_PKG_VERSION")))]
    image: String,
    /// Arguments of the image's container
    #[arg(long, value_delimiter = ' ')]
    command: Vec<String>,
    /// Seconds of idleness to measure
    #[arg(long, default_value_t = 60)]
    idle_seconds: u64,
    /// Pods whose start is measured
    #[arg(long, default_value_t = 50)]
    pods: usize,
}

/// Prints the figures, then stops the server and has it remove what it made.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let size = std::fs::metadata(&arguments.sampan)
        .with_context(|| format!("cannot read {}", arguments.sampan.display()))?
        .len();
    Figure::new("binary_size", size as f64 / 1e6, "MB").print();
    let directory = tempfile::tempdir_in(&arguments.dir)?;
    let result = measure(&arguments, directory.path()).await;
    if result.is_err() {
        servers::tell_log(directory.path());
    }
    let removed = Command::new(&arguments.sampan)
        .arg("uninstall")
        .arg("--data-dir")
        .arg(directory.path().join("data"))
        .output()
        .await?;
    if !removed.status.success() {
        eprintln!(
            "bench: uninstall: {}",
            String::from_utf8_lossy(&removed.stderr).trim()
        );
    }
    result
}

async fn measure(arguments: &Arguments, directory: &Path) -> Result<()> {
    let start = Instant::now();
    let server = Server::sampan(&arguments.sampan, directory, arguments.port, &[]).await?;
    let figure = |name: &str| Figure::new(name, start.elapsed().as_secs_f64() * 1000.0, "ms");
    figure("start_to_api_ready").print();
    let pod = pod("first", arguments);
    let mut pods = Connection::open(&server.target).await?;
    // A pod is refused until its namespace has its default service account.
    wait("the first pod's creation", async || {
        let (status, said) = pods.call(Method::POST, PODS, pod.clone()).await?;
        if status != StatusCode::FORBIDDEN && !status.is_success() {
            bail!("POST {PODS}: {status}: {}", String::from_utf8_lossy(&said));
        }
        Ok(status.is_success())
    })
    .await?;
    let mut nodes = Connection::open(&server.target).await?;
    let node_ready = async {
        wait("a ready node", async || is_node_ready(&mut nodes).await).await?;
        figure("start_to_node_ready").print();
        anyhow::Ok(())
    };
    let pod_running = async {
        wait("the first pod to run", async || {
            is_running(&mut pods, "first").await
        })
        .await?;
        figure("start_to_first_pod_running").print();
        anyhow::Ok(())
    };
    tokio::try_join!(node_ready, pod_running)?;
    idle(server.pids[0], arguments.idle_seconds).await?;
    pod_starts(&server.target, arguments).await?;
    server.stop().await
}

async fn is_node_ready(connection: &mut Connection) -> Result<bool> {
    let body = connection
        .expect(Method::GET, "/api/v1/nodes", Bytes::new())
        .await?;
    let nodes: Value = serde_json::from_slice(&body)?;
    let conditions = nodes["items"][0]["status"]["conditions"].as_array();
    let ready = |c: &Value| c["type"] == "Ready" && c["status"] == "True";
    Ok(conditions.is_some_and(|all| all.iter().any(ready)))
}

async fn is_running(connection: &mut Connection, name: &str) -> Result<bool> {
    let path = format!("{PODS}/{name}");
    let body = connection.expect(Method::GET, &path, Bytes::new()).await?;
    let pod: Value = serde_json::from_slice(&body)?;
    Ok(pod["status"]["phase"] == "Running")
}

async fn idle(pid: u32, seconds: u64) -> Result<()> {
    tokio::time::sleep(SETTLE).await;
    let (cpu, written) = (process::cpu_seconds(pid)?, process::written_bytes(pid)?);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let cpu = process::cpu_seconds(pid)? - cpu;
    let written = process::written_bytes(pid)? - written;
    let (resident, proportional) = process::memory_mb(pid)?;
    Figure::new("idle_rss", resident, "MB")
        .with_number("pss_mb", Some(proportional))
        .print();
    Figure::new(
        "idle_cpu",
        cpu * 100.0 / seconds.max(1) as f64,
        "% of a core",
    )
    .with("seconds", seconds)
    .print();
    Figure::new("idle_disk_writes", written, "bytes")
        .with("seconds", seconds)
        .print();
    Ok(())
}

async fn pod_starts(target: &Target, arguments: &Arguments) -> Result<()> {
    let watcher = Connection::open(target).await?;
    let mut events = watcher.watch(&format!("{PODS}?watch=true")).await?;
    let mut writer = Connection::open(target).await?;
    for (how, at_once) in [("one by one", 1), ("all at once", arguments.pods)] {
        let mut latencies = Latencies::default();
        let names: Vec<String> = (0..arguments.pods)
            .map(|n| format!("p{at_once}-{n}"))
            .collect();
        for names in names.chunks(at_once.max(1)) {
            let mut sent = HashMap::new();
            for name in names {
                sent.insert(name.clone(), Instant::now());
                writer
                    .expect(Method::POST, PODS, pod(name, arguments))
                    .await?;
            }
            running(&mut events, sent, &mut latencies).await?;
        }
        Figure::new("pod_start", latencies.percentile(0.5), "ms")
            .with("pods", arguments.pods)
            .with("how", how)
            .with_number("p99_ms", Some(latencies.percentile(0.99)))
            .print();
        let all = format!("{PODS}?gracePeriodSeconds=0");
        writer.expect(Method::DELETE, &all, Bytes::new()).await?;
        wait("the pods to be gone", async || {
            let body = writer.expect(Method::GET, PODS, Bytes::new()).await?;
            let pods: Value = serde_json::from_slice(&body)?;
            Ok(pods["items"].as_array().is_none_or(Vec::is_empty))
        })
        .await?;
    }
    Ok(())
}

/// Reads events until all that were sent run.
async fn running(
    events: &mut mpsc::Receiver<(Instant, Value)>,
    mut sent: HashMap<String, Instant>,
    latencies: &mut Latencies,
) -> Result<()> {
    while !sent.is_empty() {
        let next = tokio::time::timeout(PATIENCE, events.recv()).await;
        let next = next.with_context(|| format!("{} pods do not run", sent.len()))?;
        let (arrived, event) = next.context("the watch ended")?;
        let name = event["object"]["metadata"]["name"]
            .as_str()
            .unwrap_or_default();
        if event["object"]["status"]["phase"] == "Running"
            && let Some(start) = sent.remove(name)
        {
            latencies.push(arrived.saturating_duration_since(start));
        }
    }
    Ok(())
}

fn pod(name: &str, arguments: &Arguments) -> Bytes {
    let mut container = json!({
        "name": "main", "image": arguments.image,
    });
    if !arguments.command.is_empty() {
        container["args"] = json!(arguments.command);
    }
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    });
    Bytes::from(pod.to_string())
}
