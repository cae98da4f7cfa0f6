//! From a write to those who watch.

use super::{Run, config_map};
use crate::{
    http::{Connection, Encoding},
    load::Latencies,
};
use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::Method;
use serde_json::json;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::JoinSet};

/// How long an event may take.
const EVENT_LIMIT: Duration = Duration::from_secs(10);
const MERGE: &str = "application/merge-patch+json";

impl Run {
    /// From sending a create to its event at one watcher: it includes making it durable.
    pub(super) async fn watch(&mut self) -> Result<()> {
        let path = self.namespace("watch").await?;
        let watcher = Connection::open(&self.target).await?;
        let mut stream = watcher.watch(&format!("{path}?watch=true")).await?;
        let mut writer = Connection::open(&self.target).await?;
        let mut sent = HashMap::new();
        let mut latencies = Latencies::default();
        for number in 0..self.amounts.events {
            let name = format!("w-{number}");
            sent.insert(name.clone(), Instant::now());
            writer
                .expect(Method::POST, &path, config_map(&name, Encoding::Json))
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
        self.figure("api_watch_latency", latencies.percentile(0.5), "ms")
            .with("from", "create sent")
            .with("to", "event received")
            .with_number("p99_ms", Some(latencies.percentile(0.99)))
            .print();
        Ok(())
    }

    pub(super) async fn fan_out(&mut self) -> Result<()> {
        for watchers in self.amounts.watchers.clone() {
            self.fan_out_to(watchers, Encoding::Json).await?;
        }
        Ok(())
    }

    /// From sending a patch to the event at the last of many watchers. What an event costs is what
    /// the server spends beyond the same patches with nobody watching.
    pub(super) async fn fan_out_to(&mut self, watchers: usize, encoding: Encoding) -> Result<()> {
        let path = self.namespace("fan-out").await?;
        let object = self.one(&path, "seen").await?;
        let mut writer = Connection::open(&self.target).await?;
        let before = self.cpu()?;
        for number in 0..self.amounts.events {
            change(&mut writer, &object, number).await?;
        }
        let alone = self.cpu_since(before)?;
        let (arrivals, mut received) = mpsc::unbounded_channel();
        let mut all = JoinSet::new();
        for watcher in self.connections(watchers, encoding).await? {
            let path = format!("{path}?watch=true");
            let watching = watcher.modifications(&path, arrivals.clone(), &mut all);
            watching.await?;
        }
        drop(arrivals);
        let mut latencies = Latencies::default();
        let before = self.cpu()?;
        for number in 0..self.amounts.events {
            let sent = Instant::now();
            change(&mut writer, &object, self.amounts.events + number).await?;
            let mut last = sent;
            for _ in 0..watchers {
                let next = tokio::time::timeout(EVENT_LIMIT, received.recv());
                last = last.max(next.await.context("no event")?.context("watches ended")?);
            }
            latencies.push(last - sent);
        }
        let watched = self.cpu_since(before)?;
        let delivered = (self.amounts.events * watchers as u64).max(1) as f64;
        let each = watched
            .zip(alone)
            .map(|(watched, alone)| (watched - alone).max(0.0) * 1e6 / delivered);
        self.figure("api_fan_out", latencies.percentile(0.5), "ms")
            .with("watchers", watchers)
            .with("encoding", encoding.name())
            .with("from", "patch sent")
            .with("to", "event received by the last")
            .with_number("p99_ms", Some(latencies.percentile(0.99)))
            .with_number("server_cpu_us_per_event", each)
            .print();
        Ok(())
    }
}

async fn change(writer: &mut Connection, path: &str, number: u64) -> Result<()> {
    let body = Bytes::from(json!({"data": {"number": number.to_string()}}).to_string());
    writer.patch(path, MERGE, body).await?;
    Ok(())
}
