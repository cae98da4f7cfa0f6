//! Requests to a running server: creates, gets, lists and watches of small ConfigMaps.

use crate::{
    figure::Figure,
    http::Connection,
    kubeconfig::Target,
    load::{self, Latencies, Load, Until},
    process,
};
use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::Method;
use serde_json::json;
use std::{
    collections::HashMap,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Bytes of payload that make a ConfigMap about 1 KB on the wire.
const PAYLOAD: usize = 850;
const SECONDS: u64 = 3;
const LIST: u64 = 5_000;
const EVENTS: u32 = 500;
const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// How long an event may take.
const EVENT_LIMIT: Duration = Duration::from_secs(10);

/// Options of `bench api`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Kubeconfig of the server, with a client certificate
    #[arg(long)]
    kubeconfig: PathBuf,
    /// Process id of the server, to measure its processor time per request
    #[arg(long)]
    pid: Option<u32>,
    /// Seconds per figure
    #[arg(long, default_value_t = SECONDS)]
    seconds: u64,
    /// Objects in the list
    #[arg(long, default_value_t = LIST)]
    list: u64,
    /// Writes whose way to a watcher is measured
    #[arg(long, default_value_t = EVENTS)]
    events: u32,
}

impl Arguments {
    /// The defaults, for this server.
    pub(crate) fn for_server(kubeconfig: PathBuf, pid: u32) -> Self {
        Self {
            kubeconfig,
            pid: Some(pid),
            seconds: SECONDS,
            list: LIST,
            events: EVENTS,
        }
    }
}

struct Run {
    target: Target,
    pid: Option<u32>,
    time: Until,
}

/// Prints the figures; removes what it created.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let run = Run {
        target: Target::read(&arguments.kubeconfig)?,
        pid: arguments.pid,
        time: Until::Time(Duration::from_secs(arguments.seconds)),
    };
    let names =
        ["load", "list", "watch"].map(|use_| format!("bench-{use_}-{}", std::process::id()));
    let mut connection = Connection::open(&run.target).await?;
    for name in &names {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let body = Bytes::from(namespace.to_string());
        connection
            .expect(Method::POST, "/api/v1/namespaces", body)
            .await?;
    }
    let measured = async {
        run.creates_and_gets(&names[0]).await?;
        run.list(&names[1], arguments.list).await?;
        run.watch(&names[2], arguments.events).await
    };
    let result = measured.await;
    for name in &names {
        let path = format!("/api/v1/namespaces/{name}");
        connection
            .expect(Method::DELETE, &path, Bytes::new())
            .await?;
    }
    result
}

fn path(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps")
}

fn config_map(name: &str) -> Bytes {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
        "data": {"value": "x".repeat(PAYLOAD)},
    });
    Bytes::from(object.to_string())
}

impl Run {
    async fn creates_and_gets(&self, namespace: &str) -> Result<()> {
        for connections in CONNECTIONS {
            let (load, cpu) = self.create(namespace, connections, self.time).await?;
            self.print("api_durable_creates", connections, &load, cpu);
        }
        for connections in CONNECTIONS {
            let workers = Connection::open_many(&self.target, connections).await?;
            let path = format!("{}/c64-0", path(namespace));
            let before = self.cpu()?;
            let get = move |mut connection: Connection, _| {
                let path = path.clone();
                async move {
                    connection.expect(Method::GET, &path, Bytes::new()).await?;
                    Ok(connection)
                }
            };
            let load = load::run(workers, self.time, get).await?;
            let cpu = self.cpu_since(before, &load)?;
            self.print("api_gets", connections, &load, cpu);
        }
        Ok(())
    }

    async fn create(
        &self,
        namespace: &str,
        connections: usize,
        until: Until,
    ) -> Result<(Load, Option<f64>)> {
        let workers = Connection::open_many(&self.target, connections).await?;
        let path = path(namespace);
        let before = self.cpu()?;
        let create = move |mut connection: Connection, number| {
            let path = path.clone();
            async move {
                let body = config_map(&format!("c{connections}-{number}"));
                connection.expect(Method::POST, &path, body).await?;
                Ok(connection)
            }
        };
        let load = load::run(workers, until, create).await?;
        let cpu = self.cpu_since(before, &load)?;
        Ok((load, cpu))
    }

    async fn list(&self, namespace: &str, objects: u64) -> Result<()> {
        self.create(namespace, 64, Until::Count(objects)).await?;
        let mut connection = Connection::open(&self.target).await?;
        let mut latencies = Latencies::default();
        let mut bytes = 0;
        for _ in 0..20 {
            let start = Instant::now();
            let body = connection
                .expect(Method::GET, &path(namespace), Bytes::new())
                .await?;
            latencies.push(start.elapsed());
            bytes = body.len();
        }
        Figure::new("api_list", latencies.percentile(0.5), "ms")
            .with("objects", objects)
            .with("bytes", bytes)
            .with_number("p99_ms", Some(latencies.percentile(0.99)))
            .print();
        Ok(())
    }

    /// From sending a create to its event at one watcher: it includes making it durable.
    async fn watch(&self, namespace: &str, events: u32) -> Result<()> {
        let path = path(namespace);
        let watcher = Connection::open(&self.target).await?;
        let mut stream = watcher.watch(&format!("{path}?watch=true")).await?;
        let mut writer = Connection::open(&self.target).await?;
        let mut sent = HashMap::new();
        let mut latencies = Latencies::default();
        for number in 0..events {
            let name = format!("w-{number}");
            sent.insert(name.clone(), Instant::now());
            writer
                .expect(Method::POST, &path, config_map(&name))
                .await?;
            while let Some(start) = sent.get(&name).copied() {
                let next = tokio::time::timeout(EVENT_LIMIT, stream.recv());
                let (arrived, event) =
                    next.await.context("no event")?.context("the watch ended")?;
                let seen = event["object"]["metadata"]["name"]
                    .as_str()
                    .unwrap_or_default();
                if sent.remove(seen).is_some() {
                    latencies.push(arrived.saturating_duration_since(start));
                }
            }
        }
        Figure::new("api_watch_latency", latencies.percentile(0.5), "ms")
            .with("from", "create sent")
            .with("to", "event received")
            .with_number("p99_ms", Some(latencies.percentile(0.99)))
            .print();
        Ok(())
    }

    fn print(&self, name: &str, connections: usize, load: &Load, cpu: Option<f64>) {
        Figure::new(name, load.per_second(), "1/s")
            .with("connections", connections)
            .with_number("p50_ms", Some(load.latencies.percentile(0.5)))
            .with_number("p99_ms", Some(load.latencies.percentile(0.99)))
            .with_number("server_cpu_us_per_request", cpu)
            .print();
    }

    fn cpu(&self) -> Result<Option<f64>> {
        self.pid.map(process::cpu_seconds).transpose()
    }

    fn cpu_since(&self, before: Option<f64>, load: &Load) -> Result<Option<f64>> {
        let used = self.cpu()?.zip(before).map(|(now, before)| now - before);
        Ok(used.map(|seconds| seconds * 1e6 / load.count().max(1) as f64))
    }
}
