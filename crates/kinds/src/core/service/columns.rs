//! How `kubectl get services` shows a service: upstream's `printService`.

use crate::{
    Cell, Column,
    columns::{self, NONE},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Service, ServiceSpec};

pub(super) const COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Type", "type determines how the Service is exposed. Defaults to ClusterIP. Valid options are ExternalName, ClusterIP, NodePort, and LoadBalancer. \"ClusterIP\" allocates a cluster-internal IP address for load-balancing to endpoints. Endpoints are determined by the selector or if that is not specified, by manual construction of an Endpoints object or EndpointSlice objects. If clusterIP is \"None\", no virtual IP is allocated and the endpoints are published as a set of endpoints rather than a virtual IP. \"NodePort\" builds on ClusterIP and allocates a port on every node which routes to the same endpoints as the clusterIP. \"LoadBalancer\" builds on NodePort and creates an external load-balancer (if supported in the current cloud) which routes to the same endpoints as the clusterIP. \"ExternalName\" aliases this service to the specified externalName. Several other fields do not apply to ExternalName services. More info: https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types"),
    Column::text("Cluster-IP", "clusterIP is the IP address of the service and is usually assigned randomly. If an address is specified manually, is in-range (as per system configuration), and is not in use, it will be allocated to the service; otherwise creation of the service will fail. This field may not be changed through updates unless the type field is also being changed to ExternalName (which requires this field to be blank) or the type field is being changed from ExternalName (in which case this field may optionally be specified, as describe above).  Valid values are \"None\", empty string (\"\"), or a valid IP address. Setting this to \"None\" makes a \"headless service\" (no virtual IP), which is useful when direct endpoint connections are preferred and proxying is not required.  Only applies to types ClusterIP, NodePort, and LoadBalancer. If this field is specified when creating a Service of type ExternalName, creation will fail. This field will be wiped when updating a Service to type ExternalName. More info: https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies"),
    Column::text("External-IP", "externalIPs is a list of IP addresses for which nodes in the cluster will also accept traffic for this service.  These IPs are not managed by Kubernetes.  The user is responsible for ensuring that traffic arrives at a node with this IP.  A common example is external load-balancers that are not part of the Kubernetes system."),
    Column::text("Port(s)", "The list of ports that are exposed by this service. More info: https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies"),
    Column::AGE,
    Column::text("Selector", "Route service traffic to pods with label keys and values matching this selector. If empty or not present, the service is assumed to have an external process managing its endpoints, which Kubernetes will not modify. Only applies to types ClusterIP, NodePort, and LoadBalancer. Ignored if type is ExternalName. More info: https://kubernetes.io/docs/concepts/services-networking/service/").wide(),
];

pub(super) fn row(service: &Service, now: Timestamp) -> Vec<Cell> {
    let empty = ServiceSpec::default();
    let spec = service.spec.as_ref().unwrap_or(&empty);
    let ip = spec.cluster_ips.as_ref().and_then(|it| it.first());
    vec![
        columns::name(&service.metadata),
        columns::or(spec.type_.as_ref(), ""),
        columns::or(ip.or(spec.cluster_ip.as_ref()), NONE),
        external(service, spec).into(),
        ports(spec).into(),
        columns::age(&service.metadata, now),
        columns::labels(spec.selector.as_ref()).into(),
    ]
}

fn external(service: &Service, spec: &ServiceSpec) -> String {
    let own = spec.external_ips.as_deref().unwrap_or_default();
    match spec.type_.as_deref() {
        Some("ClusterIP" | "NodePort") => columns::joined_or_none(own),
        Some("LoadBalancer") => {
            let status = service
                .status
                .as_ref()
                .and_then(|it| it.load_balancer.as_ref());
            let ingress = status
                .and_then(|it| it.ingress.as_ref())
                .into_iter()
                .flatten();
            let mut all: Vec<_> = ingress
                .filter_map(|it| {
                    it.ip
                        .clone()
                        .filter(|it| !it.is_empty())
                        .or_else(|| it.hostname.clone())
                })
                .collect();
            all.sort();
            all.dedup();
            all.extend_from_slice(own);
            if all.is_empty() {
                "<pending>".to_owned()
            } else {
                all.join(",")
            }
        }
        Some("ExternalName") => spec.external_name.clone().unwrap_or_default(),
        _ => "<unknown>".to_owned(),
    }
}

fn ports(spec: &ServiceSpec) -> String {
    let ports: Vec<_> = spec
        .ports
        .iter()
        .flatten()
        .map(|it| {
            let protocol = it.protocol.as_deref().unwrap_or_default();
            match it.node_port {
                Some(node) if node > 0 => format!("{}:{node}/{protocol}", it.port),
                _ => format!("{}/{protocol}", it.port),
            }
        })
        .collect();
    columns::joined_or_none(&ports)
}
