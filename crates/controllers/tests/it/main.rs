//! Workloads in a cluster in one process, from their object to their containers.

#![allow(clippy::unwrap_used)] // A panic is how a test fails; the lint knows only functions marked as tests.

mod caches;
mod cron_job;
mod daemon_set;
mod disruption;
mod job;
mod stateful_set;

use k8s_openapi::api::core::v1::Pod;
use testkit::Cluster;

/// Whether a pod is ready.
fn ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|it| it.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|it| it.type_ == "Ready" && it.status == "True")
}

/// A pod's name.
fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap()
}

/// Waits for `count` ready pods of a label selector.
async fn ready_pods(cluster: &Cluster, labels: &str, count: usize) -> Vec<Pod> {
    cluster
        .wait_all::<Pod>("default", labels, |all| {
            all.len() == count && all.iter().all(ready)
        })
        .await
        .unwrap()
}

/// Ends the main container of a pod on node `n1`.
fn exit(cluster: &Cluster, pod: &Pod, code: i32) {
    let fake = cluster.runtime("n1").unwrap();
    let id = fake.containers_of("default", name(pod))[0].id.clone();
    fake.exit(&id, code).unwrap();
}
