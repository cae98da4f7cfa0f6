//! The service proxy of a node: Services and EndpointSlices become packet rules. `plan` decides, purely, what one
//! service needs; the loop here keeps the rules equal to the caches. Upstream: kube-proxy in nftables mode.
//!
//! Left out: topology hints (`trafficDistribution`) do not narrow backends.

mod health;
mod plan;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use network::{Firewall, ServiceChanges};
use reconcile::{Caches, Groups, Key};
use stdx::backoff::Backoff;

use health::HealthServers;

pub use plan::service_ports;

/// Waits between attempts when the kernel refuses the rules.
const RETRY: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));

/// Keeps the node's rules for services equal to the API's objects. Never returns; drop the future to end it. Rules
/// stay in force when it ends.
/// Load balancers' questions are answered on `health_checks`; without it they are not.
pub async fn run(
    caches: &Caches,
    firewall: Arc<dyn Firewall>,
    node: &str,
    health_checks: Option<IpAddr>,
) {
    let (services, slices) = (caches.of::<Service>(), caches.of::<EndpointSlice>());
    let pending = Groups::of(&slices, plan::service_of);
    pending.follow(&services);
    services.synced().await;
    slices.synced().await;

    let mut names: BTreeMap<Key, Vec<String>> = BTreeMap::new();
    let mut health = health_checks.map(HealthServers::new);
    let mut failures = 0;
    loop {
        // What changes while the kernel is at work becomes one transaction, so a storm needs no settling time.
        let mut changes = ServiceChanges::new();
        for (key, slices) in pending.take() {
            let service = services.get_key(&key);
            if let Some(health) = &mut health {
                let service = service.as_ref();
                let wanted = service.and_then(|it| plan::health_check(it, &slices, node));
                health.set(&key, wanted);
            }
            let ports = service.map(|service| service_ports(&service, &slices, node));
            let ports = ports.unwrap_or_default();
            let former = names.remove(&key).unwrap_or_default();
            changes.extend(former.into_iter().map(|name| (name, None)));
            if !ports.is_empty() {
                names.insert(key, ports.iter().map(|(name, _)| name.clone()).collect());
            }
            changes.extend(
                ports
                    .into_iter()
                    .map(|(name, port)| (name, Some(Arc::new(port)))),
            );
        }
        match firewall.change_services(changes).await {
            Ok(()) => {
                failures = 0;
                pending.changed().await;
            }
            Err(error) => {
                let wait = RETRY.delay(failures);
                failures = failures.saturating_add(1);
                tracing::warn!(%error, ?wait, "could not set the rules of services; again");
                tokio::time::sleep(wait).await;
            }
        }
    }
}
