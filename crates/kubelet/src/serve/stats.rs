//! Use of resources: `/stats/summary` and `/metrics/resource`, what `kubectl top` is made of.

use super::{Body, respond, text, whole};
use crate::{Kubelet, pod, pod::observe};
use http::{Response, StatusCode};
use runtime::container::Stats;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write as _};

struct Used {
    namespace: String,
    pod: String,
    uid: String,
    container: String,
    stats: Stats,
}

async fn used(kubelet: &Kubelet) -> Result<(Option<Stats>, Vec<Used>), Box<Response<Body>>> {
    let runtime = &kubelet.shared.runtime;
    let failed = |error: runtime::Error| {
        Box::new(text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
    };
    let mut all = Vec::new();
    for it in runtime.list_containers().await.map_err(failed)? {
        // One that ended meanwhile uses nothing.
        let Ok(stats) = runtime.container_stats(&it.id).await else {
            continue;
        };
        let label = |key: &str| it.config.labels.get(key).cloned().unwrap_or_default();
        all.push(Used {
            namespace: label(observe::LABEL_NAMESPACE),
            pod: label(observe::LABEL_NAME),
            uid: label(observe::LABEL_UID),
            container: it.config.name.clone(),
            stats,
        });
    }
    Ok((runtime.cgroup_stats("/").await.ok(), all))
}

fn cpu(stats: &Stats) -> Value {
    json!({ "time": stats.at.to_string(), "usageCoreNanoSeconds": stats.cpu_usage_nanoseconds })
}

fn memory(stats: &Stats) -> Value {
    json!({
        "time": stats.at.to_string(),
        "usageBytes": stats.memory_usage_bytes,
        "workingSetBytes": stats.memory_working_set_bytes,
        "rssBytes": stats.memory_rss_bytes,
    })
}

pub(super) async fn summary(kubelet: &Kubelet) -> Result<Response<Body>, Box<Response<Body>>> {
    let (node, all) = used(kubelet).await?;
    let mut pods: BTreeMap<String, Value> = BTreeMap::new();
    for it in &all {
        let entry = pods.entry(it.uid.clone()).or_insert_with(|| {
            json!({ "podRef": { "name": it.pod, "namespace": it.namespace, "uid": it.uid }, "containers": [] })
        });
        let one =
            json!({ "name": it.container, "cpu": cpu(&it.stats), "memory": memory(&it.stats) });
        if let Some(list) = entry["containers"].as_array_mut() {
            list.push(one);
        }
    }
    for known in kubelet.pods() {
        let start = known
            .status
            .as_ref()
            .and_then(|it| it.start_time.as_ref())
            .map(|it| it.0.to_string());
        if let Some(entry) = pods.get_mut(pod::uid(&known)) {
            entry["startTime"] = json!(start);
        }
    }
    let mut tree = json!({
        "node": { "nodeName": kubelet.shared.config.node_name },
        "pods": pods.into_values().collect::<Vec<_>>(),
    });
    if let Some(node) = node {
        tree["node"]["cpu"] = cpu(&node);
        tree["node"]["memory"] = memory(&node);
    }
    Ok(respond(
        StatusCode::OK,
        "application/json",
        whole(tree.to_string()),
    ))
}

pub(super) async fn metrics(kubelet: &Kubelet) -> Result<Response<Body>, Box<Response<Body>>> {
    let (node, all) = used(kubelet).await?;
    let mut out = String::new();
    let millis = |stats: &Stats| stats.at.as_millisecond();
    #[allow(clippy::cast_precision_loss)] // seconds of a processor, for people
    let seconds = |stats: &Stats| stats.cpu_usage_nanoseconds as f64 / 1e9;
    let mut family = |name: &str, kind: &str, help: &str, rows: Vec<(String, String, i64)>| {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value, at) in rows {
            let _ = writeln!(out, "{name}{labels} {value} {at}");
        }
    };
    let labels = |it: &Used| {
        format!(
            "{{container={:?},namespace={:?},pod={:?}}}",
            it.container, it.namespace, it.pod
        )
    };
    family(
        "container_cpu_usage_seconds_total",
        "counter",
        "Cumulative cpu time consumed by the container in core-seconds",
        all.iter()
            .map(|it| {
                (
                    labels(it),
                    seconds(&it.stats).to_string(),
                    millis(&it.stats),
                )
            })
            .collect(),
    );
    family(
        "container_memory_working_set_bytes",
        "gauge",
        "Current working set of the container in bytes",
        all.iter()
            .map(|it| {
                (
                    labels(it),
                    it.stats.memory_working_set_bytes.to_string(),
                    millis(&it.stats),
                )
            })
            .collect(),
    );
    if let Some(node) = &node {
        family(
            "node_cpu_usage_seconds_total",
            "counter",
            "Cumulative cpu time consumed by the node in core-seconds",
            vec![(String::new(), seconds(node).to_string(), millis(node))],
        );
        family(
            "node_memory_working_set_bytes",
            "gauge",
            "Current working set of the node in bytes",
            vec![(
                String::new(),
                node.memory_working_set_bytes.to_string(),
                millis(node),
            )],
        );
    }
    Ok(respond(
        StatusCode::OK,
        "text/plain; version=0.0.4",
        whole(out),
    ))
}
