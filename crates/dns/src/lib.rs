//! The cluster's name server: services, their endpoints and pods by name and back, everything else from the host's
//! name servers. `index` holds the cluster's names, `answer` decides, `wire` reads and writes, `server` and `forward`
//! talk. Upstream: CoreDNS with the kubernetes, forward, cache and loadbalance plugins.

mod answer;
mod forward;
mod index;
mod server;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use parking_lot::{Mutex, RwLock};
use reconcile::{Caches, Key};
use tokio::sync::Notify;

pub use forward::Upstream;
pub use index::Index;
pub use server::{Server, Sources};

const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

/// Why names cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cluster's domain is not a domain name.
    #[error("cluster domain {0:?} is not a domain name")]
    Zone(String),
}

/// Answers on the server's sockets for the zone (`cluster.local`), from the caches and the upstream servers. Returns
/// only if the zone is no name; drop the future to end it. Until the caches have filled, queries wait unanswered in
/// the sockets, so that nobody is told that a service does not exist.
pub async fn run(
    caches: &Caches,
    server: Server,
    zone: &str,
    upstream: Upstream,
) -> Result<(), Error> {
    let index = Index::new(zone).ok_or_else(|| Error::Zone(zone.to_owned()))?;
    let sources = Sources {
        index: Arc::new(RwLock::new(index)),
        upstream: Arc::new(upstream),
    };
    let pending = Arc::new(Pending::default());
    let (services, slices) = (caches.of::<Service>(), caches.of::<EndpointSlice>());
    let noted = Arc::clone(&pending);
    services.on_change(move |change| {
        if let Some(service) = change.latest() {
            noted.note(Key::of(&service.metadata), |_| {});
        }
    });
    let noted = Arc::clone(&pending);
    slices.on_change(move |change| {
        for (slice, present) in [(&change.old, false), (&change.new, true)] {
            let Some(slice) = slice else { continue };
            let Some(service) = service_of(slice) else {
                continue;
            };
            let name = slice.metadata.name.clone().unwrap_or_default();
            noted.note(service, |slices| match present {
                true => drop(slices.insert(name, Arc::clone(slice))),
                false => drop(slices.remove(&name)),
            });
        }
    });
    services.synced().await;
    slices.synced().await;
    let update = || {
        for (key, slices) in pending.take() {
            sources
                .index
                .write()
                .set(&key, services.get_key(&key).as_deref(), &slices);
        }
    };
    update();
    let follow = async {
        loop {
            pending.changed.notified().await;
            update();
        }
    };
    tokio::select! {
        () = server.serve(sources.clone()) => {}
        () = follow => {}
    }
    Ok(())
}

fn service_of(slice: &EndpointSlice) -> Option<Key> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME_LABEL)?;
    Some(Key::new(
        slice.metadata.namespace.as_deref().unwrap_or_default(),
        name,
    ))
}

/// The slices by service, and the services whose names may have changed.
#[derive(Default)]
struct Pending {
    state: Mutex<(BTreeSet<Key>, BTreeMap<Key, Slices>)>,
    changed: Notify,
}

type Slices = BTreeMap<String, Arc<EndpointSlice>>;

impl Pending {
    fn note(&self, service: Key, change: impl FnOnce(&mut Slices)) {
        let mut state = self.state.lock();
        let slices = state.1.entry(service.clone()).or_default();
        change(slices);
        if slices.is_empty() {
            state.1.remove(&service);
        }
        state.0.insert(service);
        drop(state);
        self.changed.notify_one();
    }

    fn take(&self) -> Vec<(Key, Vec<Arc<EndpointSlice>>)> {
        let mut state = self.state.lock();
        let keys = std::mem::take(&mut state.0);
        let slices = |key: &Key| {
            state
                .1
                .get(key)
                .map(|slices| slices.values().cloned().collect())
                .unwrap_or_default()
        };
        keys.into_iter()
            .map(|key| {
                let found = slices(&key);
                (key, found)
            })
            .collect()
    }
}
