//! Promise: a service with a selector has an Endpoints object of the same name, for clients that do not know
//! EndpointSlices. Upstream: endpoints-controller.

use crate::{
    Context,
    service_endpoints::{self, Backend, Port, addresses, is_headless, ports},
};
use async_trait::async_trait;
use client::DeleteOptions;
use k8s_openapi::{
    api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Pod, Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Wiring, Writes};
use std::{collections::BTreeMap, sync::Arc};

pub(crate) const NAME: &str = "endpoints-controller";
const HEADLESS_LABEL: &str = "service.kubernetes.io/headless";
const MANAGED_BY_LABEL: &str = "endpoints.kubernetes.io/managed-by";
/// Addresses in one object, as upstream truncates.
const LIMIT: usize = 1000;
const TRUNCATED: &str = "endpoints.kubernetes.io/over-capacity";

pub(crate) struct EndpointsController {
    services: Arc<Cache<Service>>,
    pods: Arc<Cache<Pod>>,
    endpoints: Arc<Cache<Endpoints>>,
}

impl EndpointsController {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            services: context.caches.of(),
            pods: context.caches.of(),
            endpoints: context.caches.of(),
        }
    }
}

#[async_trait]
impl Reconcile for EndpointsController {
    fn name(&self) -> &'static str {
        NAME
    }

    /// The key is the service.
    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<Service>();
        let services = Arc::clone(&self.services);
        wiring.on::<Pod>(move |change| service_endpoints::selecting(&services, change));
        wiring.on_own::<Endpoints>();
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let found = self.endpoints.get_key(key);
        let Some(service) = self.services.get_key(key) else {
            let ours = found.is_some_and(|found| is_managed(&found));
            if ours {
                writes
                    .delete::<Endpoints>(&key.namespace, &key.name, &DeleteOptions::default())
                    .await?;
            }
            return Ok(Outcome::Done);
        };
        if service.metadata.deletion_timestamp.is_some()
            || service_endpoints::selector(&service).is_none()
        {
            return Ok(Outcome::Done);
        }
        let backends = service_endpoints::backends(&service, &self.pods.list_in(&key.namespace));
        let mut wanted = wanted(&service, &backends);
        match found {
            None => {
                writes.create(&wanted).await?;
            }
            Some(found) => {
                let same = found.subsets == wanted.subsets
                    && found.metadata.labels == wanted.metadata.labels;
                if !same {
                    wanted.metadata = ObjectMeta {
                        labels: wanted.metadata.labels,
                        annotations: wanted.metadata.annotations,
                        ..found.metadata.clone()
                    };
                    writes.update(&wanted).await?;
                }
            }
        }
        Ok(Outcome::Done)
    }
}

fn is_managed(endpoints: &Endpoints) -> bool {
    let labels = endpoints.metadata.labels.as_ref();
    labels
        .and_then(|labels| labels.get(MANAGED_BY_LABEL))
        .map(String::as_str)
        == Some("endpoint-controller")
}

fn wanted(service: &Service, backends: &[Backend]) -> Endpoints {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.insert(
        MANAGED_BY_LABEL.to_owned(),
        "endpoint-controller".to_owned(),
    );
    labels.remove(HEADLESS_LABEL);
    if is_headless(service) {
        labels.insert(HEADLESS_LABEL.to_owned(), String::new());
    }
    let truncated = backends.len() > LIMIT;
    let shown = &backends[..backends.len().min(LIMIT)];
    let subsets = subsets(service, shown);
    Endpoints {
        metadata: ObjectMeta {
            name: service.metadata.name.clone(),
            namespace: service.metadata.namespace.clone(),
            labels: Some(labels),
            annotations: truncated
                .then(|| BTreeMap::from([(TRUNCATED.to_owned(), "truncated".to_owned())])),
            ..ObjectMeta::default()
        },
        subsets: Some(subsets).filter(|subsets| !subsets.is_empty()),
    }
}

/// Pods with the same ports share a subset.
fn subsets(service: &Service, backends: &[Backend]) -> Vec<EndpointSubset> {
    let mut groups: BTreeMap<Vec<Port>, (Vec<EndpointAddress>, Vec<EndpointAddress>)> =
        BTreeMap::new();
    for backend in backends {
        let Some(ip) = addresses(&backend.pod).next() else {
            continue;
        };
        let ports = ports(service, &backend.pod);
        if (ports.is_empty() && !is_headless(service)) || (backend.terminating && !backend.ready) {
            continue;
        }
        let (ready, not_ready) = groups.entry(ports).or_default();
        let address = address(service, &backend.pod, ip);
        if backend.ready {
            ready.push(address)
        } else {
            not_ready.push(address)
        }
    }
    groups
        .into_iter()
        .map(|(ports, (ready, not_ready))| EndpointSubset {
            addresses: listed(ready),
            not_ready_addresses: listed(not_ready),
            ports: Some(ports.iter().map(endpoint_port).collect::<Vec<_>>())
                .filter(|ports| !ports.is_empty()),
        })
        .collect()
}

fn listed(mut addresses: Vec<EndpointAddress>) -> Option<Vec<EndpointAddress>> {
    addresses.sort_by(|a, b| a.ip.cmp(&b.ip));
    Some(addresses).filter(|addresses| !addresses.is_empty())
}

fn endpoint_port(port: &Port) -> EndpointPort {
    EndpointPort {
        name: Some(port.name.clone()).filter(|name| !name.is_empty()),
        port: port.number,
        protocol: Some(port.protocol.clone()),
        app_protocol: port.app_protocol.clone(),
    }
}

fn address(service: &Service, pod: &Pod, ip: &str) -> EndpointAddress {
    EndpointAddress {
        ip: ip.to_owned(),
        hostname: crate::endpoint_slice::hostname(service, pod),
        node_name: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        target_ref: Some(service_endpoints::target(pod)),
    }
}
