//! Durable writes and reads per second of the embedded store, beside etcd's on the same disk in the
//! same run.

use crate::{
    etcd::{Client, Etcd},
    figure::Figure,
    load::{self, Load, Until},
};
use ::store::{Embedded, Outcome, Store, Transaction};
use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

const SECONDS: u64 = 3;
const VALUE_BYTES: usize = 1024;
const WRITERS: [usize; 3] = [1, 16, 64];
const HOW: &str =
    "its gRPC on one HTTP/2 connection per writer or reader; ours is called in process";
/// Keys that are read.
const KEYS: u64 = 1000;

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
        let [ours, read] = embedded(&arguments.dir, writers, &value, time).await?;
        let rival = etcd(&arguments.dir, writers, &value, time).await?;
        let (name, loads) = rival.unzip();
        let (put, get) = loads.map(|[put, get]| (put, get)).unzip();
        let name = name.unwrap_or_default();
        for (figure, ours, rival) in [("store_durable_puts", ours, put), ("store_gets", read, get)]
        {
            Figure::new(figure, ours.per_second(), "1/s")
                .with("at_once", writers)
                .with("value_bytes", value.len())
                .with_number("p50_ms", Some(ours.latencies.percentile(0.5)))
                .with_number("p99_ms", Some(ours.latencies.percentile(0.99)))
                .with_rival(&name, rival.map(|load| load.per_second()), HOW)
                .print();
        }
    }
    Ok(())
}

fn key(number: u64) -> String {
    format!("/registry/configmaps/default/{number:012}")
}

/// Puts, then gets.
async fn embedded(dir: &Path, writers: usize, value: &Bytes, time: Until) -> Result<[Load; 2]> {
    let directory = tempfile::tempdir_in(dir)?;
    let store = Arc::new(Embedded::open(directory.path())?);
    let value = value.clone();
    let workers = || vec![Arc::clone(&store); writers];
    let put = load::run(workers(), time, move |store, number| {
        let put = Transaction::put(key(number), value.clone());
        async move {
            match store.transact(put).await? {
                Outcome::Committed(_) => Ok(store),
                Outcome::Conflict { key } => bail!("conflict on {key} without a condition"),
            }
        }
    });
    let put = put.await?;
    let get = load::run(workers(), time, |store, number| async move {
        let found = store.get(&key(number % KEYS), None).await?;
        ensure!(found.is_some(), "{} is not there", key(number % KEYS));
        Ok(store)
    });
    Ok([put, get.await?])
}

/// Puts, then gets.
async fn etcd(
    dir: &Path,
    writers: usize,
    value: &Bytes,
    time: Until,
) -> Result<Option<(String, [Load; 2])>> {
    let directory = tempfile::tempdir_in(dir)?;
    let Some(server) = Etcd::start(directory.path()).await? else {
        eprintln!("bench: no etcd on the PATH: it is not measured");
        return Ok(None);
    };
    let value = value.clone();
    let put = load::run(clients(writers).await?, time, move |client, number| {
        let value = value.clone();
        async move { client.put(&key(number), &value).await }
    });
    let put = put.await?;
    let get = load::run(clients(writers).await?, time, |client, number| async move {
        client.get(&key(number % KEYS)).await
    });
    Ok(Some((server.name.clone(), [put, get.await?])))
}

async fn clients(count: usize) -> Result<Vec<Client>> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(Client::connect().await?);
    }
    Ok(clients)
}
