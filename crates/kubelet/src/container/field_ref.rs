//! `fieldRef` and `resourceFieldRef`: a pod's own fields as text, for variables and downward files
//! (upstream: `fieldpath` and `resource.ExtractResourceValueByContainerName`).

use k8s_openapi::api::core::v1::{Container, Pod, ResourceFieldSelector};
use machinery::quantity::{self, Amounts, Quantity};
use std::collections::BTreeMap;

/// What a pod's fields need besides the pod.
#[derive(Clone, Debug, Default)]
pub struct NodeView {
    /// Addresses of the node.
    pub host_ips: Vec<String>,
    /// Addresses of the pod; empty before it has a sandbox.
    pub pod_ips: Vec<String>,
    /// What the node offers: the limit of a container that names none.
    pub allocatable: Amounts,
}

/// The text of a field of the pod.
pub fn field(pod: &Pod, node: &NodeView, path: &str) -> Result<String, String> {
    let meta = &pod.metadata;
    let spec = pod.spec.as_ref();
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    if let Some((map, key)) = subscript(path) {
        let (map, what) = match map {
            "metadata.labels" => (&meta.labels, "labels"),
            "metadata.annotations" => (&meta.annotations, "annotations"),
            _ => return Err(format!("fieldPath {path:?} does not support subscript")),
        };
        debug_assert!(!what.is_empty());
        return Ok(map
            .as_ref()
            .and_then(|it| it.get(key))
            .cloned()
            .unwrap_or_default());
    }
    Ok(match path {
        "metadata.name" => text(&meta.name),
        "metadata.namespace" => text(&meta.namespace),
        "metadata.uid" => text(&meta.uid),
        "metadata.labels" => format_map(meta.labels.as_ref()),
        "metadata.annotations" => format_map(meta.annotations.as_ref()),
        "spec.nodeName" => spec.map(|it| text(&it.node_name)).unwrap_or_default(),
        "spec.serviceAccountName" => spec
            .map(|it| text(&it.service_account_name))
            .unwrap_or_default(),
        "status.hostIP" => node.host_ips.first().cloned().unwrap_or_default(),
        "status.hostIPs" => node.host_ips.join(","),
        "status.podIP" => node.pod_ips.first().cloned().unwrap_or_default(),
        "status.podIPs" => node.pod_ips.join(","),
        _ => return Err(format!("unsupported fieldPath: {path}")),
    })
}

/// `metadata.labels['key']` as its two parts.
fn subscript(path: &str) -> Option<(&str, &str)> {
    path.strip_suffix("']")?.split_once("['")
}

/// `key="value"` lines in order of keys, values quoted as Go's `%q`.
fn format_map(map: Option<&BTreeMap<String, String>>) -> String {
    let lines: Vec<_> = map
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    lines.join("\n")
}

/// The amount of a container's resource in units of the divisor, rounded up.
pub fn resource(
    pod: &Pod,
    container: Option<&Container>,
    selector: &ResourceFieldSelector,
    node: &NodeView,
) -> Result<String, String> {
    let named = selector
        .container_name
        .as_deref()
        .filter(|it| !it.is_empty());
    let container = match named {
        None => container,
        Some(name) => containers(pod).find(|it| it.name == name),
    }
    .ok_or_else(|| format!("container {} not found", named.unwrap_or_default()))?;
    let wanted = container.resources.as_ref();
    let (kind, name) = selector
        .resource
        .split_once('.')
        .ok_or_else(|| format!("unsupported container resource : {}", selector.resource))?;
    let amounts = match kind {
        "limits" => quantity::amounts(wanted.and_then(|it| it.limits.as_ref())),
        "requests" => quantity::amounts(wanted.and_then(|it| it.requests.as_ref())),
        _ => {
            return Err(format!(
                "unsupported container resource : {}",
                selector.resource
            ));
        }
    };
    let fallback = || match kind {
        "limits" => node.allocatable.get(name).copied(),
        _ => None,
    };
    let amount = amounts
        .get(name)
        .copied()
        .or_else(fallback)
        .unwrap_or(Quantity::ZERO);
    let divisor = selector
        .divisor
        .as_ref()
        .and_then(|it| Quantity::from_wire(it).ok())
        .filter(|it| !it.is_zero());
    Ok(divided(amount, divisor, name == "cpu").to_string())
}

fn divided(amount: Quantity, divisor: Option<Quantity>, milli: bool) -> i64 {
    let ceil = |a: i64, b: i64| {
        if b <= 0 {
            a
        } else {
            a / b + i64::from(a % b > 0)
        }
    };
    match divisor {
        None => amount.value(),
        Some(divisor) if milli => ceil(amount.milli_value(), divisor.milli_value()),
        Some(divisor) => ceil(amount.value(), divisor.value()),
    }
}

/// Init and main containers of a pod.
pub fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    let spec = pod.spec.as_ref();
    spec.into_iter().flat_map(|it| {
        it.init_containers
            .iter()
            .flatten()
            .chain(it.containers.iter())
    })
}
