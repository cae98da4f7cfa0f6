//! Warnings of containers: parts of bytes, variables that hide others, ports that are in each other's way.

use crate::pod_spec::lists;
use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec};
use machinery::field::Path;
use std::collections::{BTreeMap, BTreeSet};

/// Warnings of one container.
pub(super) fn one(w: &mut Vec<String>, path: &Path, container: &Container) {
    let resources = container.resources.clone().unwrap_or_default();
    let at = path.child("resources");
    for name in ["memory", "ephemeral-storage"] {
        super::fraction(w, &at.child("limits"), resources.limits.as_ref(), name);
        super::fraction(w, &at.child("requests"), resources.requests.as_ref(), name);
    }
    let mut seen = BTreeSet::new();
    for (index, it) in container.env.iter().flatten().enumerate() {
        let value = it.value.as_deref().unwrap_or_default();
        let reference = format!("$({})", it.name);
        // A value may build on the one before it.
        let builds = it.value_from.is_none() && value != reference && value.contains(&reference);
        if !seen.insert(&it.name) && !builds {
            let path = path.child("env").index(index);
            let text = "which may be dropped when using apply";
            let name = &it.name;
            w.push(format!(
                "{path}: hides previous definition of {name:?}, {text}"
            ));
        }
    }
}

/// Warnings of the ports of all containers together.
pub(super) fn ports(w: &mut Vec<String>, path: &Path, spec: &PodSpec) {
    let mut all: BTreeMap<String, Vec<(Path, ContainerPort)>> = BTreeMap::new();
    for (path, container) in lists::containers(spec, path) {
        for (index, port) in container.ports.iter().flatten().enumerate() {
            let path = path.child("ports").index(index);
            let (ip, host) = address(port);
            if !ip.is_empty() && host == 0 {
                w.push(format!(
                    "{path}: hostIP set without hostPort: {}",
                    shown(port)
                ));
            }
            let protocol = port.protocol.as_deref().unwrap_or_default();
            let others = all
                .entry(format!("{}/{protocol}", port.container_port))
                .or_default();
            for (other_path, other) in others.iter() {
                let (other_ip, other_host) = address(other);
                let how = if ip == other_ip && host == other_host {
                    "duplicate"
                } else if host == 0 || other_host == 0 {
                    "overlapping"
                } else if host == other_host && ip.is_empty() != other_ip.is_empty() {
                    "dangerously ambiguous"
                } else {
                    continue;
                };
                w.push(format!("{path}: {how} port definition with {other_path}"));
            }
            others.push((path, port.clone()));
        }
    }
}

fn address(port: &ContainerPort) -> (&str, i32) {
    let ip = port.host_ip.as_deref().unwrap_or_default();
    (ip, port.host_port.unwrap_or(0))
}

/// A port as upstream's Go prints it.
fn shown(port: &ContainerPort) -> String {
    let (ip, host) = address(port);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (name, protocol) = (text(&port.name), text(&port.protocol));
    let own = port.container_port;
    format!("{{Name:{name} HostPort:{host} ContainerPort:{own} Protocol:{protocol} HostIP:{ip}}}")
}
