//! The cluster's name server: services, their endpoints and pods by name and back, everything else from the host's
//! name servers. `index` holds the cluster's names, `answer` decides, `wire` reads and writes, `server` and `forward`
//! talk. Upstream: CoreDNS with the kubernetes, forward, cache and loadbalance plugins.

mod answer;
mod forward;
mod index;
mod server;
mod wire;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use machinery::endpoint_slices;
use parking_lot::RwLock;
use reconcile::{Caches, Groups, Key};

pub use forward::Upstream;
pub use index::Index;
pub use server::{Server, Sources};

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
    let (services, slices) = (caches.of::<Service>(), caches.of::<EndpointSlice>());
    let pending = Groups::of(&slices, service_of);
    pending.follow(&services);
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
            pending.changed().await;
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
    endpoint_slices::service_of(slice).map(|(namespace, name)| Key::new(namespace, name))
}
