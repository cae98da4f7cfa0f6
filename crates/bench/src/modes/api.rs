//! Requests to an API server, part by part: its own on a fresh directory, or one that runs already. What writes
//! is asked again of one without controllers, as the rival is. The same parts are then asked of kube-apiserver, if `KUBE_APISERVER` names its binary. Processor time
//! is the server's alone (with kube-apiserver, etcd's too), read from /proc.

mod lists;
mod requests;
mod watches;

use crate::{
    figure::Figure,
    http::{Connection, Encoding},
    kubeconfig::Target,
    load::{self, Load, Until},
    process, protobuf,
    servers::{self, Server},
};
use anyhow::{Context, Result};
use bytes::Bytes;
use clap::ValueEnum;
use hyper::Method;
use serde_json::json;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

/// Bytes of payload that make a ConfigMap about 1 KB on the wire.
const PAYLOAD: usize = 850;
const SECONDS: u64 = 3;
const CONNECTIONS: [usize; 3] = [1, 16, 64];
const LISTS: [u64; 2] = [5_000, 50_000];
const WATCHERS: [usize; 3] = [1, 100, 1_000];
const EVENTS: u64 = 500;
/// Connections that fill a namespace.
const FILLERS: usize = 64;
/// Files open at once: the watchers' connections, and some.
const FILES: u64 = 8192;

/// What is measured, in this order: memory first, while the server is fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Part {
    /// Memory that stored objects take
    Memory,
    /// Whole lists and pages of 500
    Lists,
    /// Durable creates
    Creates,
    /// Reads of one object
    Gets,
    /// Merge, strategic and JSON patches
    Patches,
    /// Server-side applies
    Applies,
    /// From a create to its event
    Watch,
    /// From a change to its last watcher, and what each event costs
    Fanout,
    /// Protobuf beside JSON
    Protobuf,
}

/// Options of `bench api`.
#[derive(Clone, clap::Args)]
pub(crate) struct Arguments {
    /// Parts to measure; all unless given
    parts: Vec<Part>,
    /// The program to start, without its node agent, and to measure
    #[arg(long, required_unless_present = "kubeconfig")]
    sampan: Option<PathBuf>,
    /// Directory under which servers that are started keep their data
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Port of the server that is started
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// Kubeconfig of a running server instead, with a client certificate
    #[arg(long, conflicts_with = "sampan")]
    kubeconfig: Option<PathBuf>,
    /// Process id of the running server, to measure its processor time and memory
    #[arg(long, requires = "kubeconfig")]
    pid: Option<u32>,
    #[command(flatten)]
    amounts: Amounts,
}

const PORT: u16 = 6443;

/// How much is measured.
#[derive(Clone, clap::Args)]
struct Amounts {
    /// Seconds per figure of requests
    #[arg(long, default_value_t = SECONDS)]
    seconds: u64,
    /// Numbers of connections
    #[arg(long, value_delimiter = ',', default_values_t = CONNECTIONS)]
    connections: Vec<usize>,
    /// Numbers of objects in lists; the largest is what memory is measured with
    #[arg(long, value_delimiter = ',', default_values_t = LISTS)]
    lists: Vec<u64>,
    /// Numbers of watchers
    #[arg(long, value_delimiter = ',', default_values_t = WATCHERS)]
    watchers: Vec<usize>,
    /// Changes whose way to watchers is measured
    #[arg(long, default_value_t = EVENTS)]
    events: u64,
}

impl Arguments {
    /// Everything, of this program.
    pub(crate) fn of_program(program: &Path, directory: &Path) -> Self {
        Self {
            parts: Vec::new(),
            sampan: Some(program.to_owned()),
            dir: directory.to_owned(),
            port: PORT,
            kubeconfig: None,
            pid: None,
            amounts: Amounts {
                seconds: SECONDS,
                connections: CONNECTIONS.into(),
                lists: LISTS.into(),
                watchers: WATCHERS.into(),
                events: EVENTS,
            },
        }
    }

    /// The same, of those parts only that wake who watches.
    fn writes(&self) -> Self {
        let asked = |part: &Part| self.parts.is_empty() || self.parts.contains(part);
        let writes = [Part::Creates, Part::Patches, Part::Applies];
        Self {
            parts: writes.into_iter().filter(asked).collect(),
            ..self.clone()
        }
    }

    /// Whether the server runs already, outside of what is started here.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.kubeconfig.is_some()
    }
}

/// Prints the figures; removes what it created.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    process::allow_files(FILES)?;
    if let Some(kubeconfig) = &arguments.kubeconfig {
        let target = Target::read(kubeconfig)?;
        let pids = arguments.pid.into_iter().collect();
        return Run::new(&arguments, "running", pids, &target).all().await;
    }
    let program = arguments.sampan.as_ref().context("no program to measure")?;
    let directory = tempfile::tempdir_in(&arguments.dir)?;
    let mut own = vec!["--disable-agent", "--bind-address", "127.0.0.1"];
    let server = Server::sampan(program, directory.path(), arguments.port, &own);
    let mut ours = measure(&arguments, server.await.map(Some), directory.path()).await;
    let alone = arguments.writes();
    if !alone.parts.is_empty() {
        // As the rival is: nobody but the API server.
        own.push("--disable=controllers,scheduler");
        let directory = tempfile::tempdir_in(&arguments.dir)?;
        let server = Server::sampan(program, directory.path(), arguments.port, &own).await;
        let server = server.map(|it| Some(it.named("sampan without controllers")));
        ours = measure(&alone, server, directory.path()).await.and(ours);
    }
    let directory = tempfile::tempdir_in(&arguments.dir)?;
    let rival = Server::kube_apiserver(directory.path()).await;
    measure(&arguments, rival, directory.path()).await.and(ours)
}

async fn measure(
    arguments: &Arguments,
    server: Result<Option<Server>>,
    directory: &Path,
) -> Result<()> {
    let measured = async {
        let Some(server) = server? else { return Ok(()) };
        let pids = server.pids.clone();
        Run::new(arguments, &server.name, pids, &server.target)
            .all()
            .await?;
        server.stop().await
    };
    let measured = measured.await;
    if measured.is_err() {
        servers::tell_log(directory);
    }
    measured
}

/// One server being measured.
struct Run {
    server: String,
    pids: Vec<u32>,
    target: Target,
    parts: BTreeSet<Part>,
    amounts: Amounts,
    time: Until,
    /// Namespaces made, to be removed.
    namespaces: BTreeSet<String>,
}

impl Run {
    fn new(arguments: &Arguments, server: &str, pids: Vec<u32>, target: &Target) -> Self {
        let parts: BTreeSet<Part> = match arguments.parts.as_slice() {
            [] => Part::value_variants().iter().copied().collect(),
            some => some.iter().copied().collect(),
        };
        Self {
            server: server.to_owned(),
            pids,
            target: target.clone(),
            parts,
            amounts: arguments.amounts.clone(),
            time: Until::Time(Duration::from_secs(arguments.amounts.seconds)),
            namespaces: BTreeSet::new(),
        }
    }

    async fn all(mut self) -> Result<()> {
        let measured = self.measure().await;
        let mut connection = Connection::open(&self.target).await?;
        for name in &self.namespaces {
            let path = format!("/api/v1/namespaces/{name}");
            let deleted = connection.expect(Method::DELETE, &path, Bytes::new());
            deleted.await?;
        }
        measured
    }

    async fn measure(&mut self) -> Result<()> {
        for part in self.parts.clone() {
            match part {
                Part::Memory => self.memory().await?,
                Part::Lists => self.lists().await?,
                Part::Creates => self.creates().await?,
                Part::Gets => self.gets().await?,
                Part::Patches => self.patches().await?,
                Part::Applies => self.applies().await?,
                Part::Watch => self.watch().await?,
                Part::Fanout => self.fan_out().await?,
                Part::Protobuf => self.protobuf().await?,
            }
        }
        Ok(())
    }

    /// The path of the ConfigMaps of a namespace, which is made if it is not there.
    async fn namespace(&mut self, name: &str) -> Result<String> {
        let name = format!("bench-{}-{name}", std::process::id());
        let path = format!("/api/v1/namespaces/{name}/configmaps");
        if self.namespaces.contains(&name) {
            return Ok(path);
        }
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let mut connection = Connection::open(&self.target).await?;
        let body = Bytes::from(namespace.to_string());
        connection
            .expect(Method::POST, "/api/v1/namespaces", body)
            .await?;
        self.namespaces.insert(name);
        Ok(path)
    }

    /// The path of a namespace with so many ConfigMaps, which are made if they are not there.
    async fn filled(&mut self, objects: u64) -> Result<String> {
        let path = self.namespace(&format!("list-{objects}")).await?;
        let mut connection = Connection::open(&self.target).await?;
        let first = format!("{path}/c-0");
        let (status, _) = connection.call(Method::GET, &first, Bytes::new()).await?;
        if !status.is_success() {
            let encoding = Encoding::Json;
            self.create(&path, "c", FILLERS, Until::Count(objects), encoding)
                .await?;
        }
        Ok(path)
    }

    /// Creates `PREFIX-0`, `PREFIX-1` and so on.
    async fn create(
        &self,
        path: &str,
        prefix: &str,
        connections: usize,
        until: Until,
        encoding: Encoding,
    ) -> Result<(Load, Option<f64>)> {
        let (path, prefix) = (path.to_owned(), prefix.to_owned());
        let workers = self.connections(connections, encoding).await?;
        self.load(workers, until, move |mut connection, number| {
            let body = config_map(&format!("{prefix}-{number}"), encoding);
            let path = path.clone();
            async move {
                connection.expect(Method::POST, &path, body).await?;
                Ok(connection)
            }
        })
        .await
    }

    async fn connections(&self, count: usize, encoding: Encoding) -> Result<Vec<Connection>> {
        let all = Connection::open_many(&self.target, count).await?;
        Ok(all.into_iter().map(|it| it.speaking(encoding)).collect())
    }

    /// Runs a load; the server's microseconds of processor per request come with it.
    async fn load<W, F, Fut>(
        &self,
        workers: Vec<W>,
        until: Until,
        work: F,
    ) -> Result<(Load, Option<f64>)>
    where
        W: Send + 'static,
        F: Fn(W, u64) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<W>> + Send,
    {
        let before = self.cpu()?;
        let load = load::run(workers, until, work).await?;
        let used = self.cpu_since(before)?;
        let each = used.map(|seconds| seconds * 1e6 / load.count().max(1) as f64);
        Ok((load, each))
    }

    fn figure(&self, name: &str, value: f64, unit: &str) -> Figure {
        Figure::new(name, value, unit).with("server", &*self.server)
    }

    fn requests(
        &self,
        name: &str,
        connections: usize,
        (load, cpu): &(Load, Option<f64>),
    ) -> Figure {
        self.figure(name, load.per_second(), "1/s")
            .with("connections", connections)
            .with_number("p50_ms", Some(load.latencies.percentile(0.5)))
            .with_number("p99_ms", Some(load.latencies.percentile(0.99)))
            .with_number("server_cpu_us_per_request", *cpu)
    }

    fn cpu(&self) -> Result<Option<f64>> {
        if self.pids.is_empty() {
            return Ok(None);
        }
        let all = self.pids.iter().map(|pid| process::cpu_seconds(*pid));
        all.sum::<Result<f64>>().map(Some)
    }

    fn cpu_since(&self, before: Option<f64>) -> Result<Option<f64>> {
        Ok(self.cpu()?.zip(before).map(|(now, before)| now - before))
    }

    /// Resident memory of the server in megabytes.
    fn memory_mb(&self) -> Result<Option<f64>> {
        if self.pids.is_empty() {
            return Ok(None);
        }
        let all = self.pids.iter().map(|pid| process::memory_mb(*pid));
        let resident = all.map(|it| it.map(|(resident, _)| resident));
        resident.sum::<Result<f64>>().map(Some)
    }
}

fn config_map(name: &str, encoding: Encoding) -> Bytes {
    let value = "x".repeat(PAYLOAD);
    if encoding == Encoding::Protobuf {
        return protobuf::config_map(name, "value", &value);
    }
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
        "data": {"value": value},
    });
    Bytes::from(object.to_string())
}
