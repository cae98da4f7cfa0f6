//! Defaults of a pod spec: upstream's `SetDefaults_PodSpec` and those of everything below it.

use super::image_name;
use k8s_openapi::{
    api::core::v1::{
        Container, ContainerPort, EnvVar, HTTPGetAction, Lifecycle, ObjectFieldSelector, PodSpec,
        PodTemplateSpec, Probe, ResourceFieldSelector, ResourceRequirements, Volume,
    },
    apimachinery::pkg::api::resource::Quantity,
};
use machinery::quantity;
use std::collections::BTreeMap;

/// Mode of files in configMap, secret, downwardAPI and projected volumes: 0644.
const FILE_MODE: i32 = 0o644;
const TOKEN_SECONDS: i64 = 60 * 60;

/// Defaults of a workload's template.
pub(crate) fn template(template: &mut PodTemplateSpec) {
    template.metadata.get_or_insert_default();
    self::spec(template.spec.get_or_insert_default());
}

/// Defaults of a pod spec.
pub(crate) fn spec(spec: &mut PodSpec) {
    text(&mut spec.dns_policy, "ClusterFirst");
    text(&mut spec.restart_policy, "Always");
    text(&mut spec.scheduler_name, "default-scheduler");
    spec.termination_grace_period_seconds.get_or_insert(30);
    spec.security_context.get_or_insert_default();
    // The old name of the field is kept equal for clients that still read it.
    if is_empty(&spec.service_account_name) {
        spec.service_account_name = spec.service_account.clone();
    }
    spec.service_account = spec.service_account_name.clone();
    for item in spec.volumes.iter_mut().flatten() {
        volume(item);
    }
    let init = spec.init_containers.iter_mut().flatten();
    for item in init.chain(&mut spec.containers) {
        container(item);
    }
    for item in spec.ephemeral_containers.iter_mut().flatten() {
        let mut view = machinery::pods::as_container(item);
        container(&mut view);
        item.image_pull_policy = view.image_pull_policy;
        item.termination_message_path = view.termination_message_path;
        item.termination_message_policy = view.termination_message_policy;
        item.ports = view.ports;
        item.env = view.env;
        item.resources = view.resources;
        item.liveness_probe = view.liveness_probe;
        item.readiness_probe = view.readiness_probe;
        item.startup_probe = view.startup_probe;
        item.lifecycle = view.lifecycle;
    }
    spec.overhead.iter_mut().for_each(amounts);
    spec.resources.iter_mut().for_each(canonical);
}

fn container(container: &mut Container) {
    if is_empty(&container.image_pull_policy) {
        let policy = pull_policy(container.image.as_deref().unwrap_or_default());
        container.image_pull_policy = Some(policy.to_owned());
    }
    text(
        &mut container.termination_message_path,
        "/dev/termination-log",
    );
    text(&mut container.termination_message_policy, "File");
    canonical(container.resources.get_or_insert_default());
    for ContainerPort { protocol, .. } in container.ports.iter_mut().flatten() {
        text(protocol, "TCP");
    }
    container.env.iter_mut().flatten().for_each(environment);
    for item in [
        &mut container.liveness_probe,
        &mut container.readiness_probe,
        &mut container.startup_probe,
    ] {
        item.iter_mut().for_each(probe);
    }
    if let Some(Lifecycle {
        post_start,
        pre_stop,
        ..
    }) = &mut container.lifecycle
    {
        for handler in [post_start, pre_stop].into_iter().flatten() {
            handler.http_get.iter_mut().for_each(http_get);
        }
    }
}

fn environment(variable: &mut EnvVar) {
    if let Some(from) = &mut variable.value_from {
        from.field_ref.iter_mut().for_each(field);
        from.resource_field_ref.iter_mut().for_each(resource);
        if let Some(file) = &mut from.file_key_ref {
            file.optional.get_or_insert(false);
        }
    }
}

fn field(field: &mut ObjectFieldSelector) {
    text(&mut field.api_version, "v1");
}

fn resource(field: &mut ResourceFieldSelector) {
    amount(
        field
            .divisor
            .get_or_insert_with(|| Quantity("0".to_owned())),
    );
}

fn probe(probe: &mut Probe) {
    for (field, value) in [
        (&mut probe.timeout_seconds, 1),
        (&mut probe.period_seconds, 10),
        (&mut probe.success_threshold, 1),
        (&mut probe.failure_threshold, 3),
    ] {
        if field.unwrap_or(0) == 0 {
            *field = Some(value);
        }
    }
    probe.http_get.iter_mut().for_each(http_get);
    if let Some(grpc) = &mut probe.grpc {
        grpc.service.get_or_insert_default();
    }
}

fn http_get(get: &mut HTTPGetAction) {
    text(&mut get.path, "/");
    text(&mut get.scheme, "HTTP");
}

/// Volumes of storage systems that live outside the cluster, in a pod or in an object of their own.
macro_rules! foreign {
    ($volume:expr) => {
        use $crate::pod_spec::defaults::text;
        if let Some(it) = &mut $volume.host_path {
            it.type_.get_or_insert_default();
        }
        if let Some(it) = &mut $volume.iscsi {
            text(&mut it.iscsi_interface, "default");
        }
        if let Some(it) = &mut $volume.rbd {
            text(&mut it.pool, "rbd");
            text(&mut it.user, "admin");
            text(&mut it.keyring, "/etc/ceph/keyring");
        }
        if let Some(it) = &mut $volume.azure_disk {
            it.caching_mode
                .get_or_insert_with(|| "ReadWrite".to_owned());
            it.kind.get_or_insert_with(|| "Shared".to_owned());
            it.fs_type.get_or_insert_with(|| "ext4".to_owned());
            it.read_only.get_or_insert(false);
        }
        if let Some(it) = &mut $volume.scale_io {
            text(&mut it.storage_mode, "ThinProvisioned");
            text(&mut it.fs_type, "xfs");
        }
    };
}
pub(crate) use foreign;

fn volume(volume: &mut Volume) {
    let bare = Volume {
        name: volume.name.clone(),
        ..Volume::default()
    };
    if *volume == bare {
        volume.empty_dir = Some(Default::default());
    }
    if let Some(limit) = volume
        .empty_dir
        .as_mut()
        .and_then(|it| it.size_limit.as_mut())
    {
        amount(limit);
    }
    if let Some(it) = &mut volume.secret {
        it.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(it) = &mut volume.config_map {
        it.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(it) = &mut volume.downward_api {
        it.default_mode.get_or_insert(FILE_MODE);
        downward(&mut it.items);
    }
    if let Some(it) = &mut volume.projected {
        it.default_mode.get_or_insert(FILE_MODE);
        for source in it.sources.iter_mut().flatten() {
            if let Some(token) = &mut source.service_account_token {
                token.expiration_seconds.get_or_insert(TOKEN_SECONDS);
            }
            if let Some(it) = &mut source.downward_api {
                downward(&mut it.items);
            }
        }
    }
    if let Some(it) = &mut volume.ephemeral
        && let Some(claim) = &mut it.volume_claim_template
    {
        claim.metadata.get_or_insert_default();
        (claim.spec.volume_mode).get_or_insert_with(|| "Filesystem".to_owned());
        claim.spec.resources.get_or_insert_default();
    }
    if let Some(it) = &mut volume.image
        && is_empty(&it.pull_policy)
    {
        let policy = pull_policy(it.reference.as_deref().unwrap_or_default());
        it.pull_policy = Some(policy.to_owned());
    }
    foreign!(volume);
}

fn downward(items: &mut Option<Vec<k8s_openapi::api::core::v1::DownwardAPIVolumeFile>>) {
    for item in items.iter_mut().flatten() {
        item.field_ref.iter_mut().for_each(field);
        item.resource_field_ref.iter_mut().for_each(resource);
    }
}

/// `Always` for the tag `latest` and for a reference without tag and digest, `IfNotPresent` otherwise, as for
/// what is no reference at all.
fn pull_policy(image: &str) -> &'static str {
    match image_name::parse(image) {
        Some(it) if it.tag == Some("latest") || it.tag.is_none() && it.digest.is_none() => "Always",
        _ => "IfNotPresent",
    }
}

/// What only a Pod defaults, not a template: requests from limits, host ports, service links.
pub(crate) fn pod_only(spec: &mut PodSpec) {
    spec.enable_service_links.get_or_insert(true);
    let host_network = spec.host_network == Some(true);
    let init = spec.init_containers.iter_mut().flatten();
    for container in init.chain(&mut spec.containers) {
        container.resources.iter_mut().for_each(requests);
        if host_network {
            for port in container.ports.iter_mut().flatten() {
                if port.host_port.unwrap_or(0) == 0 {
                    port.host_port = Some(port.container_port);
                }
            }
        }
    }
    pod_requests(spec);
}

fn requests(resources: &mut ResourceRequirements) {
    if let Some(limits) = &resources.limits {
        let requests = resources.requests.get_or_insert_default();
        for (name, limit) in limits {
            requests
                .entry(name.clone())
                .or_insert_with(|| limit.clone());
        }
    }
}

/// A pod with limits as a whole asks for what its containers ask for, else for the limits.
fn pod_requests(spec: &mut PodSpec) {
    let sums = machinery::pods::container_requests(spec);
    let Some(own) = &mut spec.resources else {
        return;
    };
    let Some(limits) = &own.limits else { return };
    let known = |name: &str| matches!(name, "cpu" | "memory");
    let mut requests = own.requests.take().unwrap_or_default();
    for (name, sum) in sums.into_iter().filter(|it| known(&it.0)) {
        requests.entry(name).or_insert_with(|| sum.to_wire());
    }
    for (name, limit) in limits {
        if known(name) || name.starts_with("hugepages-") {
            requests
                .entry(name.clone())
                .or_insert_with(|| limit.clone());
        }
    }
    own.requests = (!requests.is_empty()).then_some(requests);
}

fn canonical(resources: &mut ResourceRequirements) {
    resources.limits.iter_mut().for_each(amounts);
    resources.requests.iter_mut().for_each(amounts);
}

/// Amounts as upstream stores them: `1000m` is `1`, and what is finer than a thousandth is rounded up.
pub(crate) fn amounts(amounts: &mut BTreeMap<String, Quantity>) {
    for it in amounts.values_mut() {
        if let Ok(parsed) = quantity::Quantity::from_wire(it) {
            let milli = quantity::Quantity::from_milli(parsed.milli_value(), parsed.format());
            *it = if milli == parsed { parsed } else { milli }.to_wire();
        }
    }
}

fn amount(amount: &mut Quantity) {
    if let Ok(parsed) = quantity::Quantity::from_wire(amount) {
        *amount = parsed.to_wire();
    }
}

/// Sets an absent or empty text.
pub(crate) fn text(field: &mut Option<String>, value: &str) {
    if is_empty(field) {
        *field = Some(value.to_owned());
    }
}

fn is_empty(field: &Option<String>) -> bool {
    field.as_ref().is_none_or(String::is_empty)
}
