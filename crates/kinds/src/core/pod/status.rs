//! What a kubelet may say of a pod: upstream's `ValidatePodStatusUpdate`.

use crate::{check, pod_spec::validate as pod_spec};
use k8s_openapi::api::core::v1::{
    Container, ContainerExtendedResourceRequest, ContainerStatus, Pod,
    PodExtendedResourceClaimStatus, PodSpec, PodStatus, ResourceStatus,
};
use machinery::{
    field::{Error, ErrorList, Path, Value},
    names, pods,
};
use std::{collections::BTreeSet, net::IpAddr};

const HEALTH: &[&str] = &["Healthy", "Unhealthy", "Unknown"];

/// Errors of a change through `status`.
pub(super) fn validate(new: &Pod, old: &Pod) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let at = Path::new("metadata");
    pod_spec::annotation_changes(e, &at.child("annotations"), &new.metadata, &old.metadata);
    let (silent, none) = (PodStatus::default(), PodSpec::default());
    let [status, before] = [new, old].map(|it| it.status.as_ref().unwrap_or(&silent));
    for (index, it) in status.conditions.iter().flatten().enumerate() {
        if !matches!(it.type_.as_str(), "PodScheduled" | "Ready" | "Initialized") {
            let path = at.child("conditions").index(index).child("Type");
            check::messages(e, &path, &it.type_, names::qualified_name_errors(&it.type_));
        }
    }
    let path = Path::new("status");
    let spec = new.spec.as_ref().unwrap_or(&none);
    let nominated = status
        .nominated_node_name
        .as_ref()
        .filter(|it| !it.is_empty());
    if let Some(name) = nominated.filter(|it| before.nominated_node_name.as_ref() != Some(it)) {
        let path = path.child("nominatedNodeName");
        check::messages(e, &path, name, names::subdomain_errors(name));
    }
    let class = status.qos_class.clone().unwrap_or_default();
    check::immutable(
        e,
        &path.child("qosClass"),
        status.qos_class == before.qos_class,
        class,
    );
    ends(e, &path, status, before, spec);
    claims(e, &path.child("resourceClaimStatuses"), status, spec);
    if let Some(it) = &status.extended_resource_claim_status {
        extended(e, &path.child("extendedResourceClaimStatus"), it, spec);
    }
    let [ips, known] = [status, before].map(|it| {
        let list = it.pod_ips.iter().flatten();
        list.map(|it| it.ip.as_str()).collect::<Vec<_>>()
    });
    addresses(e, &path.child("podIPs"), &ips, &known);
    let [ips, known] = [status, before].map(|it| {
        let list = it.host_ips.iter().flatten();
        list.map(|it| it.ip.as_str()).collect::<Vec<_>>()
    });
    let host = status.host_ip.as_deref();
    if let Some(first) = ips.first().filter(|it| host != Some(it)) {
        let path = path.child("hostIPs").index(0).child("ip");
        e.push(Error::invalid(&path, *first, "must be equal to `hostIP`"));
    }
    addresses(e, &path.child("hostIPs"), &ips, &known);
    containers(e, &path, status, spec);
    errors
}

fn containers(e: &mut ErrorList, path: &Path, status: &PodStatus, spec: &PodSpec) {
    let lists = [
        (
            "containerStatuses",
            &status.container_statuses,
            Some(&spec.containers),
        ),
        (
            "initContainerStatuses",
            &status.init_container_statuses,
            spec.init_containers.as_ref(),
        ),
        (
            "ephemeralContainerStatuses",
            &status.ephemeral_container_statuses,
            None,
        ),
    ];
    for (field, list, declared) in lists {
        for (index, it) in list.iter().flatten().enumerate() {
            let path = path.child(field).index(index);
            user(e, &path, it, spec);
            if field == "ephemeralContainerStatuses" {
                if it
                    .allocated_resources_status
                    .iter()
                    .flatten()
                    .next()
                    .is_some()
                {
                    let path = path.child("allocatedResourcesStatus");
                    e.push(Error::forbidden(
                        &path,
                        "must not be specified in container status",
                    ));
                }
            } else if let Some(own) = declared
                .into_iter()
                .flatten()
                .find(|own| own.name == it.name)
            {
                for (index, health) in it.allocated_resources_status.iter().flatten().enumerate() {
                    devices(
                        e,
                        &path.child("allocatedResourcesStatus").index(index),
                        health,
                        own,
                    );
                }
            }
        }
    }
}

/// A container that has ended for good does not come back.
fn ends(e: &mut ErrorList, path: &Path, new: &PodStatus, old: &PodStatus, spec: &PodSpec) {
    let policy = spec.restart_policy.as_deref().unwrap_or_default();
    let all = pods::may_restart_all(spec);
    let restarts = |name: &str| {
        let init = spec.init_containers.iter().flatten();
        let own = init.chain(&spec.containers).find(|it| it.name == name);
        own.is_some_and(|it| {
            all || pods::is_sidecar(it)
                || it.restart_policy.is_some()
                || it.restart_policy_rules.is_some()
        })
    };
    for (field, new, old, policy) in [
        (
            "containerStatuses",
            &new.container_statuses,
            &old.container_statuses,
            policy,
        ),
        (
            "initContainerStatuses",
            &new.init_container_statuses,
            &old.init_container_statuses,
            policy,
        ),
        (
            "ephemeralContainerStatuses",
            &new.ephemeral_container_statuses,
            &old.ephemeral_container_statuses,
            "Never",
        ),
    ] {
        let ended = |it: &ContainerStatus| it.state.as_ref().and_then(|it| it.terminated.clone());
        for (index, before) in old.iter().flatten().enumerate() {
            let Some(end) = ended(before) else { continue };
            let again = policy == "Always" || (policy == "OnFailure" && end.exit_code != 0);
            let mut same = new.iter().flatten().filter(|it| it.name == before.name);
            if !again && !restarts(&before.name) && same.any(|it| ended(it).is_none()) {
                let path = path.child(field).index(index).child("state");
                let text = "may not be transitioned to non-terminated state";
                e.push(Error::forbidden(&path, text));
            }
        }
    }
}

fn claims(e: &mut ErrorList, path: &Path, status: &PodStatus, spec: &PodSpec) {
    let known = |name: &str| {
        spec.resource_claims
            .iter()
            .flatten()
            .any(|it| it.name == name)
    };
    let mut taken = BTreeSet::new();
    for (index, it) in status.resource_claim_statuses.iter().flatten().enumerate() {
        let path = path.index(index).child("name");
        if !known(&it.name) {
            let text = "must match the name of an entry in `spec.resourceClaims`";
            e.push(Error::invalid(&path, &it.name, text));
        }
        if !taken.insert(&it.name) {
            e.push(Error::duplicate(&path, &it.name));
        }
        if let Some(name) = &it.resource_claim_name {
            check::messages(e, &path, name, names::subdomain_errors(name));
        }
    }
}

/// Errors of the claim that was made for resources which drivers offer like a node's own. Upstream names no
/// mapping where the name of a request is wrong.
fn extended(e: &mut ErrorList, path: &Path, it: &PodExtendedResourceClaimStatus, spec: &PodSpec) {
    let at = path.child("requestMappings");
    if it.request_mappings.is_empty() {
        let text = "at least one request mapping is required";
        e.push(Error::required(&at, text));
    }
    for (index, mapping) in it.request_mappings.iter().enumerate() {
        let at = at.index(index);
        mapped(e, &at, mapping, spec);
        let request = &mapping.request_name;
        let found = names::label_errors(request);
        check::messages(e, &path.child("requestName"), request, found);
        if it.request_mappings[..index].contains(mapping) {
            for (field, value) in [
                ("containerName", &mapping.container_name),
                ("resourceName", &mapping.resource_name),
                ("requestName", request),
            ] {
                e.push(Error::duplicate(&at.child(field), value));
            }
        }
    }
    let (at, name) = (path.child("resourceClaimName"), &it.resource_claim_name);
    if check::required(e, &at, Some(name)) {
        check::messages(e, &at, name, names::subdomain_errors(name));
    }
}

/// Errors of a container that is not there, or does not ask for the resource.
fn mapped(e: &mut ErrorList, path: &Path, it: &ContainerExtendedResourceRequest, spec: &PodSpec) {
    let init = spec.init_containers.iter().flatten();
    let mut all = init.chain(&spec.containers);
    let Some(own) = all.find(|own| own.name == it.container_name) else {
        let text =
            "must match the name of an entry in spec.initContainers.name or spec.containers.name";
        let path = path.child("containerName");
        return e.push(Error::invalid(&path, &it.container_name, text));
    };
    let resources = own.resources.as_ref();
    let requests = resources.and_then(|it| it.requests.as_ref());
    if requests.is_none_or(|own| !own.contains_key(&it.resource_name)) {
        let text = "must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests";
        let path = path.child("resourceName");
        e.push(Error::invalid(&path, &it.resource_name, text));
    }
}

/// At most one address of each family; those in `known` were there before.
fn addresses(e: &mut ErrorList, path: &Path, ips: &[&str], known: &[&str]) {
    let shown = |ip: &str| serde_json::json!({ "IP": ip });
    for (index, ip) in ips.iter().enumerate() {
        check::address(e, &path.index(index), ip, known);
    }
    if ips.len() < 2 {
        return;
    }
    let four = ips
        .iter()
        .filter(|it| matches!(it.parse(), Ok(IpAddr::V4(_))))
        .count();
    if ips.len() > 2 || four != 1 {
        let list: Vec<_> = ips.iter().map(|it| shown(it)).collect();
        let text = "may specify no more than one IP for each IP family";
        e.push(Error::invalid(
            path,
            Value::from(serde_json::Value::from(list)),
            text,
        ));
    }
}

fn user(e: &mut ErrorList, path: &Path, it: &ContainerStatus, spec: &PodSpec) {
    let Some(user) = it.user.as_ref().and_then(|it| it.linux.as_ref()) else {
        return;
    };
    let path = path.child("linux");
    if spec.os.as_ref().is_some_and(|it| it.name == "windows") {
        let text = "cannot be set for a windows pod";
        return e.push(Error::forbidden(&path, text));
    }
    pod_spec::id(e, &path.child("uid"), Some(user.uid));
    pod_spec::id(e, &path.child("gid"), Some(user.gid));
    for (index, group) in user.supplemental_groups.iter().flatten().enumerate() {
        pod_spec::id(
            e,
            &path.child("supplementalGroups").index(index),
            Some(*group),
        );
    }
}

fn devices(e: &mut ErrorList, path: &Path, it: &ResourceStatus, container: &Container) {
    let resources = container.resources.clone().unwrap_or_default();
    let (known, text) = if it.name.starts_with("claim:") {
        let claims = resources.claims.unwrap_or_default();
        let mut names = claims.iter().map(|it| match it.request.as_deref() {
            None | Some("") => format!("claim:{}", it.name),
            Some(request) => format!("claim:{}/{request}", it.name),
        });
        let text = "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty";
        (names.any(|name| name == it.name), text)
    } else {
        let requests = resources.requests.unwrap_or_default();
        let text = "must match one of the container's resource requests";
        (requests.contains_key(&it.name), text)
    };
    if !known {
        e.push(Error::invalid(&path.child("name"), &it.name, text));
    }
    let mut taken = BTreeSet::new();
    for (index, device) in it.resources.iter().flatten().enumerate() {
        let path = path.child("resources").index(index);
        let health = device.health.as_deref().unwrap_or_default();
        if !HEALTH.contains(&health) {
            e.push(Error::not_supported(&path.child("health"), health, HEALTH));
        }
        if !taken.insert(&device.resource_id) {
            e.push(Error::duplicate(
                &path.child("resourceID"),
                &device.resource_id,
            ));
        }
    }
}
