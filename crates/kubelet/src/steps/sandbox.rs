//! Makes and ends a pod's sandbox: cgroup, namespaces, address.

use crate::{
    container::{dns, resources},
    pod::{self, observe},
    shared::Shared,
};
use k8s_openapi::api::core::v1::Pod;
use network::{HostPort, PodAttachment, Protocol};
use runtime::sandbox::{Config, Sandbox, State};
use std::collections::BTreeMap;

/// Creates the sandbox and attaches it to the network. What fails half-way is taken back.
pub async fn create(shared: &Shared, pod: &Pod, attempt: u32) -> Result<Sandbox, String> {
    let config = config(shared, pod, attempt)?;
    std::fs::create_dir_all(&config.log_directory)
        .map_err(|error| format!("create {}: {error}", config.log_directory.display()))?;
    let limits = resources::of_pod(pod, shared.config.pod_pids_limit);
    let failed = |error: runtime::Error| format!("failed to create pod sandbox: {error}");
    shared
        .runtime
        .set_cgroup(&config.cgroup_parent, &limits)
        .await
        .map_err(failed)?;
    let sandbox = shared
        .runtime
        .run_pod_sandbox(config)
        .await
        .map_err(failed)?;
    match attach(shared, pod, &sandbox).await {
        Ok(ips) => Ok(Sandbox { ips, ..sandbox }),
        Err(error) => {
            stop(shared, &sandbox.id).await?;
            shared
                .runtime
                .remove_pod_sandbox(&sandbox.id)
                .await
                .map_err(failed)?;
            Err(error)
        }
    }
}

/// Gives a sandbox its address; repeating it repairs the attachment.
pub async fn attach(shared: &Shared, pod: &Pod, sandbox: &Sandbox) -> Result<Vec<String>, String> {
    let Some(netns) = &sandbox.netns else {
        return Ok(shared.host_ips());
    };
    let attachment = PodAttachment {
        sandbox_id: sandbox.id.clone(),
        netns: netns.clone(),
        hostname: pod::full_name(pod),
        host_ports: host_ports(pod),
    };
    let failed = |error: &dyn std::fmt::Display| {
        format!(
            "failed to setup network for sandbox {:?}: {error}",
            sandbox.id
        )
    };
    let addresses = shared
        .network
        .add(&attachment)
        .await
        .map_err(|error| failed(&error))?;
    let ips: Vec<String> = addresses
        .addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    if sandbox.ips != ips {
        shared
            .runtime
            .set_sandbox_ips(&sandbox.id, ips.clone())
            .await
            .map_err(|error| failed(&error))?;
    }
    Ok(ips)
}

/// Stops a sandbox and gives its address back.
pub async fn stop(shared: &Shared, id: &str) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("failed to stop sandbox {id:?}: {error}");
    shared
        .network
        .remove(id)
        .await
        .map_err(|error| failed(&error))?;
    shared
        .runtime
        .stop_pod_sandbox(id)
        .await
        .map_err(|error| failed(&error))
}

/// Whether a sandbox is still whole: it may have lost its link while nobody looked.
pub async fn is_whole(shared: &Shared, sandbox: &Sandbox) -> bool {
    sandbox.state == State::Ready
        && (sandbox.config.host_network || shared.network.check(&sandbox.id).await.is_ok())
}

fn config(shared: &Shared, pod: &Pod, attempt: u32) -> Result<Config, String> {
    let spec = pod.spec.clone().unwrap_or_default();
    let path = &shared.config.resolv_conf;
    let host = std::fs::read_to_string(path).unwrap_or_default();
    let sysctls = spec
        .security_context
        .as_ref()
        .and_then(|it| it.sysctls.clone())
        .unwrap_or_default();
    let mut annotations = BTreeMap::new();
    let grace = crate::pod::plan::grace_seconds(&spec);
    annotations.insert(observe::ANNOTATION_GRACE.to_owned(), grace.to_string());
    Ok(Config {
        name: pod::name(pod).to_owned(),
        namespace: pod::namespace(pod).to_owned(),
        uid: pod::uid(pod).to_owned(),
        attempt,
        hostname: dns::kernel_host_name(pod, &shared.config.cluster_dns.domain)?,
        cgroup_parent: resources::cgroup_path(&shared.config.cgroup_root, pod),
        resolv_conf: Some(dns::resolv_conf(pod, &shared.config.cluster_dns, &host)),
        log_directory: shared.log_dir(pod),
        host_network: spec.host_network == Some(true),
        host_pid: spec.host_pid == Some(true),
        host_ipc: spec.host_ipc == Some(true),
        share_process_namespace: spec.share_process_namespace == Some(true),
        sysctls: sysctls.into_iter().map(|it| (it.name, it.value)).collect(),
        labels: labels(pod),
        annotations,
    })
}

/// Labels of a pod's sandbox and containers.
pub fn labels(pod: &Pod) -> BTreeMap<String, String> {
    [
        (observe::LABEL_UID, pod::uid(pod)),
        (observe::LABEL_NAME, pod::name(pod)),
        (observe::LABEL_NAMESPACE, pod::namespace(pod)),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

fn host_ports(pod: &Pod) -> Vec<HostPort> {
    let all = crate::pod::containers(pod);
    let ports = all.iter().flat_map(|(_, it)| it.ports.iter().flatten());
    ports
        .filter_map(|port| {
            Some(HostPort {
                host_ip: port.host_ip.as_deref().and_then(|it| it.parse().ok()),
                host_port: u16::try_from(port.host_port?).ok().filter(|it| *it > 0)?,
                pod_port: u16::try_from(port.container_port).ok()?,
                protocol: match port.protocol.as_deref() {
                    Some("UDP") => Protocol::Udp,
                    Some("SCTP") => Protocol::Sctp,
                    _ => Protocol::Tcp,
                },
            })
        })
        .collect()
}
