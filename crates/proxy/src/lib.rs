//! The service proxy of a node: Services and EndpointSlices become packet rules. `plan` decides, purely, what one
//! service needs; the loop here keeps the rules equal to the caches. Upstream: kube-proxy in nftables mode.
//!
//! Left out: `healthCheckNodePort` is not served, and topology hints (`trafficDistribution`) do not narrow backends.

mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use network::{Firewall, ServicePorts};
use parking_lot::Mutex;
use reconcile::{Caches, Key};
use stdx::backoff::Backoff;
use tokio::sync::Notify;

pub use plan::{SERVICE_NAME_LABEL, service_ports};

/// Changes that come within this time become one transaction.
const SETTLE: Duration = Duration::from_millis(10);
/// Waits between attempts when the kernel refuses the rules.
const RETRY: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));

/// Keeps the node's rules for services equal to the API's objects. Never returns; drop the future to end it. Rules
/// stay in force when it ends.
pub async fn run(caches: &Caches, firewall: Arc<dyn Firewall>, node: &str) {
    let pending = Arc::new(Pending::default());
    let (services, slices) = (caches.of::<Service>(), caches.of::<EndpointSlice>());
    let noted = Arc::clone(&pending);
    services.on_change(move |change| {
        if let Some(service) = change.latest() {
            noted.wake(Key::of(&service.metadata));
        }
    });
    let noted = Arc::clone(&pending);
    slices.on_change(move |change| noted.slice(change.old.as_deref(), change.new.as_ref()));
    services.synced().await;
    slices.synced().await;

    let mut rules = ServicePorts::new();
    let mut failures = 0;
    loop {
        tokio::time::sleep(SETTLE).await;
        for (key, slices) in pending.take() {
            let prefix = format!("{}/{}/", key.namespace, key.name);
            remove_prefix(&mut rules, &prefix);
            if let Some(service) = services.get_key(&key) {
                let ports = service_ports(&service, &slices, node);
                rules.extend(ports.into_iter().map(|(name, port)| (name, Arc::new(port))));
            }
        }
        match firewall.set_services(rules.clone()).await {
            Ok(()) => {
                failures = 0;
                pending.changed.notified().await;
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

fn remove_prefix(rules: &mut ServicePorts, prefix: &str) {
    let names: Vec<String> = rules
        .range(prefix.to_owned()..)
        .take_while(|(name, _)| name.starts_with(prefix))
        .map(|(name, _)| name.clone())
        .collect();
    for name in names {
        rules.remove(&name);
    }
}

/// What changed since the rules were last made: at most one entry for each service there is.
#[derive(Default)]
struct Pending {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    services: BTreeSet<Key>,
    /// The slices of each service by slice name.
    slices: BTreeMap<Key, BTreeMap<String, Arc<EndpointSlice>>>,
}

impl Pending {
    fn wake(&self, service: Key) {
        self.state.lock().services.insert(service);
        self.changed.notify_one();
    }

    fn slice(&self, old: Option<&EndpointSlice>, new: Option<&Arc<EndpointSlice>>) {
        let mut state = self.state.lock();
        if let Some((slice, service)) =
            old.and_then(|slice| Some((slice, plan::service_of(slice)?)))
        {
            if let Some(slices) = state.slices.get_mut(&service) {
                slices.remove(slice.metadata.name.as_deref().unwrap_or_default());
                if slices.is_empty() {
                    state.slices.remove(&service);
                }
            }
            state.services.insert(service);
        }
        if let Some((slice, service)) =
            new.and_then(|slice| Some((slice, plan::service_of(slice)?)))
        {
            let name = slice.metadata.name.clone().unwrap_or_default();
            state
                .slices
                .entry(service.clone())
                .or_default()
                .insert(name, Arc::clone(slice));
            state.services.insert(service);
        }
        drop(state);
        self.changed.notify_one();
    }

    fn take(&self) -> Vec<(Key, Vec<Arc<EndpointSlice>>)> {
        let mut state = self.state.lock();
        let services = std::mem::take(&mut state.services);
        let slices = |key: &Key| {
            state
                .slices
                .get(key)
                .map(|slices| slices.values().cloned().collect())
        };
        services
            .into_iter()
            .map(|key| {
                let slices = slices(&key).unwrap_or_default();
                (key, slices)
            })
            .collect()
    }
}
