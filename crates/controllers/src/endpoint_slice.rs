//! Promise: a service with a selector has EndpointSlices that list its pods, at most 100 to a slice, one
//! set of slices for each address family and set of ports. Upstream: endpointslice-controller.

mod plan;

pub(crate) use plan::hostname;

use crate::{Context, service_endpoints};
use async_trait::async_trait;
use client::DeleteOptions;
use k8s_openapi::api::{
    core::v1::{Node, Pod, Service},
    discovery::v1::EndpointSlice,
};
use plan::Step;
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Wiring, Writes};
use std::sync::Arc;

pub(crate) const NAME: &str = "endpointslice-controller";

pub(crate) struct EndpointSlices {
    services: Arc<Cache<Service>>,
    pods: Arc<Cache<Pod>>,
    nodes: Arc<Cache<Node>>,
    slices: Arc<Cache<EndpointSlice>>,
}

impl EndpointSlices {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            services: context.caches.of(),
            pods: context.caches.of(),
            nodes: context.caches.of(),
            slices: context.caches.of(),
        }
    }

    fn own_slices(&self, key: &Key) -> Vec<Arc<EndpointSlice>> {
        self.slices
            .list_in(&key.namespace)
            .into_iter()
            .filter(|slice| plan::is_of(slice, &key.name))
            .collect()
    }
}

#[async_trait]
impl Reconcile for EndpointSlices {
    fn name(&self) -> &'static str {
        NAME
    }

    /// The key is the service.
    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<Service>();
        let services = Arc::clone(&self.services);
        wiring.on::<Pod>(move |change| service_endpoints::selecting(&services, change));
        wiring.on::<EndpointSlice>(|change| {
            let Some(slice) = change.latest() else {
                return Vec::new();
            };
            let namespace = slice.metadata.namespace.as_deref().unwrap_or_default();
            plan::service_of(slice)
                .map(|name| Key::new(namespace, name))
                .into_iter()
                .collect()
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(service) = self.services.get_key(key) else {
            // The garbage collector takes the slices of a service that is gone.
            return Ok(Outcome::Done);
        };
        if service.metadata.deletion_timestamp.is_some()
            || service_endpoints::selector(&service).is_none()
        {
            return Ok(Outcome::Done);
        }
        let pods = self.pods.list_in(&key.namespace);
        let backends = service_endpoints::backends(&service, &pods);
        let zone = |node: &str| -> Option<String> {
            let node = self.nodes.get("", node)?;
            node.metadata
                .labels
                .as_ref()?
                .get("topology.kubernetes.io/zone")
                .cloned()
        };
        for step in plan::plan(&service, &backends, &zone, &self.own_slices(key)) {
            match step {
                Step::Create(slice) => {
                    writes.create(&*slice).await?;
                }
                Step::Update(slice) => {
                    writes.update(&*slice).await?;
                }
                Step::Delete(name) => {
                    writes
                        .delete::<EndpointSlice>(&key.namespace, &name, &DeleteOptions::default())
                        .await?;
                }
            }
        }
        Ok(Outcome::Done)
    }
}
