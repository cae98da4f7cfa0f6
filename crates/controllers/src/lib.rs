//! The controllers: one file or folder each, every one keeping one promise about API objects on the
//! shared caches. They meet only through the API.

mod controller_revisions;
mod cron_job;
mod daemon_set;
mod deployment;
mod discovery;
mod disruption;
mod endpoint_slice;
mod endpoint_slice_mirroring;
mod endpoints;
mod finalizers;
mod garbage_collector;
mod job;
mod namespace;
mod node_lifecycle;
mod owned_pods;
mod pages;
mod pod_garbage_collector;
mod pv_protection;
mod pvc_protection;
mod replica_set;
mod replication_controller;
mod resource_quota;
mod root_ca;
mod service_account;
mod service_cidr;
mod service_endpoints;
mod stateful_set;
mod taint_eviction;
mod ttl_after_finished;

use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1::ReplicationController};
use reconcile::{Caches, Reconcile, Recorder};
use std::sync::Arc;
use stdx::{clock::Clock, random::Random, tasks::Tasks};

/// Keys that one controller works on at once.
const WORKERS: usize = 4;

/// What the controllers stand on.
#[derive(Clone)]
pub struct Context {
    /// The shared caches.
    pub caches: Caches,
    /// Where events go; each controller records under its own name.
    pub recorder: Recorder,
    /// The time.
    pub clock: Clock,
    /// Suffixes of generated names.
    pub random: Random,
    /// The cluster's authority in PEM, published to every namespace.
    pub root_ca_pem: Arc<str>,
}

/// Every controller of the closed list, by upstream's name.
pub const NAMES: &[&str] = &[
    cron_job::NAME,
    daemon_set::NAME,
    deployment::NAME,
    disruption::NAME,
    endpoint_slice::NAME,
    endpoint_slice_mirroring::NAME,
    endpoints::NAME,
    garbage_collector::NAME,
    job::NAME,
    namespace::NAME,
    node_lifecycle::NAME,
    pod_garbage_collector::NAME,
    pv_protection::NAME,
    pvc_protection::NAME,
    replica_set::NAME,
    replication_controller::NAME,
    resource_quota::NAME,
    root_ca::NAME,
    service_account::NAME,
    service_cidr::NAME,
    stateful_set::NAME,
    taint_eviction::NAME,
    ttl_after_finished::NAME,
];

/// Runs the controllers on `tasks`, but for those named in `disabled`.
pub fn run(context: &Context, disabled: &[String], tasks: &Tasks) {
    let all: [Arc<dyn Reconcile>; 22] = [
        Arc::new(cron_job::CronJobs::new(context)),
        Arc::new(daemon_set::DaemonSets::new(context)),
        Arc::new(deployment::Deployments::new(context)),
        Arc::new(disruption::Disruption::new(context)),
        Arc::new(endpoint_slice::EndpointSlices::new(context)),
        Arc::new(endpoint_slice_mirroring::EndpointSliceMirroring::new(
            context,
        )),
        Arc::new(endpoints::EndpointsController::new(context)),
        Arc::new(job::Jobs::new(context)),
        Arc::new(namespace::Namespaces::new(context)),
        Arc::new(node_lifecycle::NodeLifecycle::new(context)),
        Arc::new(pod_garbage_collector::PodGarbageCollector::new(context)),
        Arc::new(pv_protection::PvProtection::new(context)),
        Arc::new(pvc_protection::PvcProtection::new(context)),
        Arc::new(replica_set::ReplicaSets::<ReplicaSet>::new(context)),
        Arc::new(replica_set::ReplicaSets::<ReplicationController>::new(
            context,
        )),
        Arc::new(resource_quota::ResourceQuotas::new(context)),
        Arc::new(root_ca::RootCa::new(context)),
        Arc::new(service_account::ServiceAccounts::new(context)),
        Arc::new(service_cidr::ServiceCidrs::new(context)),
        Arc::new(stateful_set::StatefulSets::new(context)),
        Arc::new(taint_eviction::TaintEviction::new(context)),
        Arc::new(ttl_after_finished::TtlAfterFinished::new(context)),
    ];
    let enabled = |name: &str| !disabled.iter().any(|other| other == name);
    for controller in all {
        if enabled(controller.name()) {
            reconcile::run(controller, &context.caches, WORKERS, tasks);
        }
    }
    if enabled(garbage_collector::NAME) {
        garbage_collector::run(context, tasks);
    }
}
