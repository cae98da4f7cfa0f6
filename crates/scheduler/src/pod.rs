//! What the plugins ask of the pod at hand, worked out once a cycle.

use crate::resources::Resources;
use k8s_openapi::api::core::v1::{Pod, PodSpec, Toleration};
use machinery::pods;
use reconcile::Key;
use std::{collections::BTreeMap, sync::Arc};

/// A port of the host that a pod asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HostPort {
    pub(crate) protocol: String,
    pub(crate) address: String,
    pub(crate) port: i32,
}

impl HostPort {
    /// Whether both cannot be on one node: same port and protocol, and addresses that overlap.
    pub(crate) fn collides(&self, other: &Self) -> bool {
        let any = |address: &str| address == "0.0.0.0";
        self.port == other.port
            && self.protocol == other.protocol
            && (self.address == other.address || any(&self.address) || any(&other.address))
    }
}

/// A pod with what is derived from it.
#[derive(Clone, Debug)]
pub(crate) struct PodInfo {
    pub(crate) pod: Arc<Pod>,
    pub(crate) key: Key,
    pub(crate) requests: Resources,
    pub(crate) host_ports: Vec<HostPort>,
}

impl PodInfo {
    pub(crate) fn new(pod: Arc<Pod>) -> Self {
        Self {
            key: Key::of(&pod.metadata),
            requests: Resources::new(&pods::requests(&pod)),
            host_ports: host_ports(&pod),
            pod,
        }
    }

    pub(crate) fn spec(&self) -> Option<&PodSpec> {
        self.pod.spec.as_ref()
    }

    /// The pod as it is once it is on `node`.
    pub(crate) fn placed(&self, node: &str) -> Self {
        let mut pod = Pod::clone(&self.pod);
        pod.spec.get_or_insert_default().node_name = Some(node.to_owned());
        Self {
            pod: Arc::new(pod),
            ..self.clone()
        }
    }

    pub(crate) fn priority(&self) -> i32 {
        self.spec().and_then(|spec| spec.priority).unwrap_or(0)
    }

    pub(crate) fn node(&self) -> &str {
        self.spec()
            .and_then(|spec| spec.node_name.as_deref())
            .unwrap_or_default()
    }

    pub(crate) fn tolerations(&self) -> &[Toleration] {
        self.spec()
            .and_then(|spec| spec.tolerations.as_deref())
            .unwrap_or_default()
    }

    pub(crate) fn labels(&self) -> Option<&BTreeMap<String, String>> {
        self.pod.metadata.labels.as_ref()
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.key.namespace
    }

    pub(crate) fn is_terminating(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    /// The requests that scoring sees: containers without any count as 100m and 200MB, so that
    /// pods without requests still spread (upstream's non-zero requests).
    pub(crate) fn scored(&self) -> (i64, i64) {
        let cpu = if self.requests.cpu_milli == 0 {
            100
        } else {
            self.requests.cpu_milli
        };
        let memory = if self.requests.memory_bytes == 0 {
            200 << 20
        } else {
            self.requests.memory_bytes
        };
        (cpu, memory)
    }
}

fn host_ports(pod: &Pod) -> Vec<HostPort> {
    let Some(spec) = &pod.spec else {
        return Vec::new();
    };
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|container| pods::is_sidecar(container));
    spec.containers
        .iter()
        .chain(sidecars)
        .flat_map(|container| container.ports.iter().flatten())
        .filter_map(|port| {
            Some(HostPort {
                protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
                address: port
                    .host_ip
                    .clone()
                    .filter(|address| !address.is_empty())
                    .unwrap_or_else(|| "0.0.0.0".to_owned()),
                port: port.host_port.filter(|port| *port > 0)?,
            })
        })
        .collect()
}

/// The number of pods that `amounts` allows.
pub(crate) fn pod_count(amounts: &machinery::quantity::Amounts) -> i64 {
    amounts.get("pods").map_or(0, |count| count.value())
}
