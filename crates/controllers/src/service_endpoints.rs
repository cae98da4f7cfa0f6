//! What endpoints of a service are, asked by both controllers that publish them: the selected pods with
//! their readiness, and the numbers of the service's ports on each pod. Pure.

use k8s_openapi::{
    api::core::v1::{ObjectReference, Pod, Service, ServicePort},
    apimachinery::pkg::util::intstr::IntOrString,
};
use machinery::{labels::Selector, pods};
use reconcile::{Cache, Change, Key};
use std::sync::Arc;

/// A pod behind a service.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    pub(crate) pod: Arc<Pod>,
    /// Ready, and not on its way out (or published regardless).
    pub(crate) ready: bool,
    /// Passes its readiness checks, whether on its way out or not.
    pub(crate) serving: bool,
    pub(crate) terminating: bool,
}

/// A service's port as it is on one pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) number: i32,
    pub(crate) protocol: String,
    pub(crate) app_protocol: Option<String>,
}

/// The service's selector; a service without one has its endpoints made by others.
pub(crate) fn selector(service: &Service) -> Option<Selector> {
    let spec = service.spec.as_ref()?;
    let selector = spec
        .selector
        .as_ref()
        .filter(|selector| !selector.is_empty())?;
    (spec.type_.as_deref() != Some("ExternalName")).then(|| Selector::from_map(selector))
}

/// The services that select a pod as it was or as it is.
pub(crate) fn selecting(services: &Cache<Service>, change: &Change<Pod>) -> Vec<Key> {
    let mut keys = Vec::new();
    for pod in [&change.old, &change.new].into_iter().flatten() {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let labels = pod.metadata.labels.as_ref();
        let selects = |it: &Arc<Service>| selector(it).is_some_and(|it| it.matches(labels));
        let services = services.list_in(namespace).into_iter().filter(selects);
        keys.extend(services.map(|service| Key::of(&service.metadata)));
    }
    keys
}

/// What an address leads to.
pub(crate) fn target(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: Some("Pod".to_owned()),
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

/// Whether the service has no address of its own.
pub(crate) fn is_headless(service: &Service) -> bool {
    service
        .spec
        .as_ref()
        .and_then(|spec| spec.cluster_ip.as_deref())
        == Some("None")
}

/// The pods that count as endpoints, in order of name.
pub(crate) fn backends(service: &Service, pods: &[Arc<Pod>]) -> Vec<Backend> {
    let Some(selector) = selector(service) else {
        return Vec::new();
    };
    let publish_not_ready = service
        .spec
        .as_ref()
        .and_then(|spec| spec.publish_not_ready_addresses)
        .unwrap_or(false);
    pods.iter()
        .filter(|pod| selector.matches(pod.metadata.labels.as_ref()))
        .filter(|pod| !pods::is_terminal(pod) && addresses(pod).next().is_some())
        .map(|pod| {
            let serving = pods::is_ready(pod);
            let terminating = pod.metadata.deletion_timestamp.is_some();
            Backend {
                pod: Arc::clone(pod),
                ready: publish_not_ready || (serving && !terminating),
                serving,
                terminating,
            }
        })
        .collect()
}

/// The pod's addresses, the primary first.
pub(crate) fn addresses(pod: &Pod) -> impl Iterator<Item = &str> {
    let status = pod.status.as_ref();
    let many = status
        .and_then(|status| status.pod_ips.as_deref())
        .unwrap_or_default()
        .iter()
        .map(|address| address.ip.as_str());
    let one = status
        .filter(|status| status.pod_ips.as_deref().unwrap_or_default().is_empty())
        .and_then(|status| status.pod_ip.as_deref());
    many.chain(one).filter(|address| !address.is_empty())
}

/// The service's ports on this pod; a named target port that the pod lacks is left out.
pub(crate) fn ports(service: &Service, pod: &Pod) -> Vec<Port> {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref());
    let mut found: Vec<Port> = ports
        .unwrap_or_default()
        .iter()
        .filter_map(|port| {
            Some(Port {
                name: port.name.clone().unwrap_or_default(),
                number: number(port, pod)?,
                protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
                app_protocol: port.app_protocol.clone(),
            })
        })
        .collect();
    found.sort();
    found
}

fn number(port: &ServicePort, pod: &Pod) -> Option<i32> {
    match &port.target_port {
        None => Some(port.port),
        Some(IntOrString::Int(0)) => Some(port.port),
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(name)) => {
            let protocol = port.protocol.as_deref().unwrap_or("TCP");
            let spec = pod.spec.as_ref()?;
            let sidecars = spec
                .init_containers
                .iter()
                .flatten()
                .filter(|one| pods::is_sidecar(one));
            spec.containers
                .iter()
                .chain(sidecars)
                .flat_map(|container| container.ports.iter().flatten())
                .find(|candidate| {
                    candidate.name.as_deref() == Some(name.as_str())
                        && candidate.protocol.as_deref().unwrap_or("TCP") == protocol
                })
                .map(|candidate| candidate.container_port)
        }
    }
}
