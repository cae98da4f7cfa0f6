//! A cluster in one process, area by area. Every test ends with `stop`, which judges the whole run:
//! watches without gaps, nothing left behind.

#![allow(clippy::unwrap_used)] // A panic is how a test fails; the lint knows only functions marked as tests.

mod cluster;
mod deployment;
mod event;
mod garbage;
mod mirroring;
mod namespace;
mod node;
mod pod;
mod pod_garbage;
mod protection;
mod replica_set;
mod replication_controller;
mod resource_quota;
mod scheduling;
mod service;
mod storm;

use k8s_openapi::api::core::v1::Pod;

/// A Deployment in YAML.
fn deployment(name: &str, replicas: u32, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
         spec:\n      containers:\n      - name: main\n        image: {image}\n        ports: [{{containerPort: 80, name: http}}]\n"
    )
}

/// A Pod in YAML; `spec` is more of its spec, in flow style, beginning with a comma.
fn pod(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\n\
         spec: {{containers: [{{name: main, image: registry.test/app:1}}]{spec}}}\n"
    )
}

/// Whether a pod is in this phase.
fn phase(pod: &Pod) -> &str {
    pod.status
        .as_ref()
        .and_then(|it| it.phase.as_deref())
        .unwrap_or_default()
}

/// Whether a pod is ready.
fn ready(pod: &Pod) -> bool {
    condition(pod, "Ready") == Some("True")
}

fn condition<'a>(pod: &'a Pod, kind: &str) -> Option<&'a str> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions
        .iter()
        .find(|it| it.type_ == kind)
        .map(|it| it.status.as_str())
}
