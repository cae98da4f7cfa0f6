//! From a service and its pods to slices. Pure. Slices that are right stay; an endpoint stays in the slice it
//! is in, so that a change touches as few slices as it can.

use crate::service_endpoints::{Backend, Port, addresses, is_headless, ports, target};
use k8s_openapi::{
    api::{
        core::v1::{Pod, Service},
        discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use machinery::endpoint_slices::{self, MANAGED_BY, SERVICE_NAME};
use machinery::owners;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// Endpoints in one slice, upstream's default.
const PER_SLICE: usize = 100;
const MANAGER: &str = "endpointslice-controller.k8s.io";
const HEADLESS_LABEL: &str = "service.kubernetes.io/headless";

#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Create(Box<EndpointSlice>),
    Update(Box<EndpointSlice>),
    Delete(String),
}

/// The service a slice belongs to, if this controller manages it.
pub(super) fn service_of(slice: &EndpointSlice) -> Option<&str> {
    let labels = slice.metadata.labels.as_ref()?;
    (labels.get(MANAGED_BY).map(String::as_str) == Some(MANAGER))
        .then(|| endpoint_slices::service_of(slice))?
        .map(|(_, name)| name)
}

/// Whether this controller manages the slice for `service`.
pub(super) fn is_of(slice: &EndpointSlice, service: &str) -> bool {
    service_of(slice) == Some(service)
}

/// What tells groups of slices apart: the address family and the ports.
type Group = (&'static str, Vec<Port>);

/// The steps that make the slices right.
pub(super) fn plan(
    service: &Service,
    backends: &[Backend],
    zone: &dyn Fn(&str) -> Option<String>,
    existing: &[Arc<EndpointSlice>],
) -> Vec<Step> {
    let mut groups: BTreeMap<Group, Vec<Endpoint>> = BTreeMap::new();
    for family in families(service) {
        // A service without pods keeps one empty slice for each family, as upstream's placeholder.
        if backends.is_empty() {
            groups.entry((family, Vec::new())).or_default();
        }
        for backend in backends {
            let Some(address) =
                addresses(&backend.pod).find(|address| family_of(address) == family)
            else {
                continue;
            };
            let ports = ports(service, &backend.pod);
            if ports.is_empty() && !is_headless(service) {
                continue;
            }
            let endpoint = endpoint(service, backend, address, zone);
            groups.entry((family, ports)).or_default().push(endpoint);
        }
    }
    let mut unused: Vec<_> = existing.to_vec();
    let mut steps: Vec<Step> = Vec::new();
    for (group, endpoints) in groups {
        let mut own = Vec::new();
        unused.retain(|slice| {
            let belongs = slice.address_type == group.0 && slice_ports(slice) == group.1;
            if belongs {
                own.push(Arc::clone(slice));
            }
            !belongs
        });
        fill(service, &group, endpoints, &own, &mut steps);
    }
    steps.extend(
        unused
            .iter()
            .filter_map(|slice| slice.metadata.name.clone())
            .map(Step::Delete),
    );
    steps
}

fn families(service: &Service) -> Vec<&'static str> {
    let named = service
        .spec
        .as_ref()
        .and_then(|spec| spec.ip_families.as_deref())
        .unwrap_or_default();
    if named.is_empty() {
        return vec!["IPv4"];
    }
    named
        .iter()
        .map(|family| if family == "IPv6" { "IPv6" } else { "IPv4" })
        .collect()
}

fn family_of(address: &str) -> &'static str {
    if address.contains(':') {
        "IPv6"
    } else {
        "IPv4"
    }
}

/// Puts a group's endpoints into its slices: those that are in one stay there, the rest fill what room is
/// left, then new slices.
fn fill(
    service: &Service,
    group: &Group,
    endpoints: Vec<Endpoint>,
    own: &[Arc<EndpointSlice>],
    steps: &mut Vec<Step>,
) {
    let mut waiting: BTreeMap<String, Endpoint> = endpoints
        .into_iter()
        .map(|one| (identity(&one), one))
        .collect();
    let mut contents: Vec<Vec<Endpoint>> = own
        .iter()
        .map(|slice| {
            let ids = slice.endpoints.iter().flatten().map(identity);
            ids.filter_map(|id| waiting.remove(&id))
                .take(PER_SLICE)
                .collect()
        })
        .collect();
    let mut rest: VecDeque<Endpoint> = waiting.into_values().collect();
    for content in &mut contents {
        while content.len() < PER_SLICE
            && let Some(endpoint) = rest.pop_front()
        {
            content.push(endpoint);
        }
    }
    let mut kept = 0;
    for (index, (slice, content)) in own.iter().zip(contents).enumerate() {
        let is_last_hope = kept == 0 && rest.is_empty() && index + 1 == own.len();
        if content.is_empty() && !is_last_hope {
            steps.extend(slice.metadata.name.clone().map(Step::Delete));
            continue;
        }
        kept += 1;
        let mut wanted = new_slice(service, group, content);
        wanted.metadata = ObjectMeta {
            labels: wanted.metadata.labels,
            ..slice.metadata.clone()
        };
        if wanted != **slice {
            steps.push(Step::Update(Box::new(wanted)));
        }
    }
    while !rest.is_empty() || kept == 0 {
        kept += 1;
        let content = rest.drain(..rest.len().min(PER_SLICE)).collect();
        steps.push(Step::Create(Box::new(new_slice(service, group, content))));
    }
}

/// What makes two endpoints the same: the pod, and where it is.
fn identity(endpoint: &Endpoint) -> String {
    let pod = endpoint
        .target_ref
        .as_ref()
        .and_then(|target| target.uid.as_deref())
        .unwrap_or_default();
    format!(
        "{pod} {}",
        endpoint.addresses.first().map_or("", String::as_str)
    )
}

fn slice_ports(slice: &EndpointSlice) -> Vec<Port> {
    let mut ports: Vec<Port> = slice
        .ports
        .iter()
        .flatten()
        .map(|port| Port {
            name: port.name.clone().unwrap_or_default(),
            number: port.port.unwrap_or(0),
            protocol: port.protocol.clone().unwrap_or_default(),
            app_protocol: port.app_protocol.clone(),
        })
        .collect();
    ports.sort();
    ports
}

fn new_slice(
    service: &Service,
    (family, ports): &Group,
    endpoints: Vec<Endpoint>,
) -> EndpointSlice {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    labels.insert(SERVICE_NAME.to_owned(), name.to_owned());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels.remove(HEADLESS_LABEL);
    if is_headless(service) {
        labels.insert(HEADLESS_LABEL.to_owned(), String::new());
    }
    let ports: Vec<_> = ports
        .iter()
        .map(|port| EndpointPort {
            name: Some(port.name.clone()),
            port: Some(port.number),
            protocol: Some(port.protocol.clone()),
            app_protocol: port.app_protocol.clone(),
        })
        .collect();
    EndpointSlice {
        metadata: ObjectMeta {
            generate_name: Some(format!("{name}-")),
            namespace: service.metadata.namespace.clone(),
            labels: Some(labels),
            owner_references: Some(vec![owners::controller_reference(service)]),
            ..ObjectMeta::default()
        },
        address_type: (*family).to_owned(),
        endpoints: Some(endpoints),
        ports: Some(ports).filter(|ports| !ports.is_empty()),
    }
}

fn endpoint(
    service: &Service,
    backend: &Backend,
    address: &str,
    zone: &dyn Fn(&str) -> Option<String>,
) -> Endpoint {
    let pod: &Pod = &backend.pod;
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    Endpoint {
        addresses: vec![address.to_owned()],
        conditions: Some(EndpointConditions {
            ready: Some(backend.ready),
            serving: Some(backend.serving),
            terminating: Some(backend.terminating),
        }),
        hostname: hostname(service, pod),
        zone: node.as_deref().and_then(zone),
        node_name: node,
        target_ref: Some(target(pod)),
        ..Endpoint::default()
    }
}

/// The name a pod has under its service's: only when it asks for this service as its subdomain.
pub(crate) fn hostname(service: &Service, pod: &Pod) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let asked = spec.subdomain.is_some() && spec.subdomain == service.metadata.name;
    spec.hostname
        .clone()
        .filter(|name| asked && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service_endpoints::backends;
    use api::Object;
    use serde_json::json;

    fn service() -> Service {
        let tree = json!({"metadata": {"name": "web", "namespace": "d", "uid": "s"}, "spec": {"selector": {"app": "web"},
            "clusterIP": "10.43.0.9", "ports": [{"port": 80, "targetPort": "http", "protocol": "TCP"}]}});
        Service::decode(tree.to_string().as_bytes()).unwrap()
    }

    fn pods(count: usize) -> Vec<Arc<Pod>> {
        (0..count)
            .map(|n| {
                let tree = json!({"metadata": {"name": format!("p{n:03}"), "namespace": "d", "uid": format!("u{n}"), "labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}]},
                    "status": {"phase": "Running", "podIP": format!("10.42.0.{n}"), "conditions": [{"type": "Ready", "status": "True"}]}});
                Arc::new(Pod::decode(tree.to_string().as_bytes()).unwrap())
            })
            .collect()
    }

    fn run(pods: &[Arc<Pod>], existing: &[Arc<EndpointSlice>]) -> Vec<Step> {
        plan(&service(), &backends(&service(), pods), &|_| None, existing)
    }

    fn created(steps: Vec<Step>) -> Vec<Arc<EndpointSlice>> {
        let made = steps.into_iter().enumerate().map(|(n, step)| match step {
            Step::Create(mut slice) => {
                slice.metadata.name = Some(format!("web-{n}"));
                Arc::new(*slice)
            }
            other => panic!("{other:?}"),
        });
        made.collect()
    }

    #[test]
    fn slices_fill_and_then_stay() {
        let slices = created(run(&pods(150), &[]));
        assert_eq!(
            slices
                .iter()
                .map(|slice| slice.endpoints.as_ref().unwrap().len())
                .collect::<Vec<_>>(),
            [100, 50]
        );
        assert_eq!(slices[0].ports.as_ref().unwrap()[0].port, Some(8080));
        assert_eq!(run(&pods(150), &slices), []);
        let steps = run(&pods(151), &slices);
        assert!(
            matches!(steps.as_slice(), [Step::Update(slice)] if slice.endpoints.as_ref().unwrap().len() == 51)
        );
    }

    #[test]
    fn a_service_without_pods_has_one_empty_slice() {
        let slices = created(run(&[], &[]));
        assert_eq!(slices.len(), 1);
        assert!(slices[0].endpoints.as_ref().unwrap().is_empty());
        assert_eq!(run(&[], &slices), []);
    }
}
