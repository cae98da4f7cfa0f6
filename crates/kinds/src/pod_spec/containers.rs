//! Errors of containers: names, images, ports, environment, mounts, resources, security.

use super::probes;
use crate::check;
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, PodSpec, ResourceRequirements, SecurityContext,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
    quantity::Quantity,
};
use std::collections::BTreeSet;

const PULL_POLICIES: &[&str] = &["Always", "IfNotPresent", "Never"];
const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const MESSAGE_POLICIES: &[&str] = &["FallbackToLogsOnError", "File"];

/// Errors of a spec's containers and init containers.
pub(super) fn validate(e: &mut ErrorList, path: &Path, spec: &PodSpec, volumes: &BTreeSet<String>) {
    let mut taken = Vec::new();
    let mut host_ports = BTreeSet::new();
    if spec.containers.is_empty() {
        e.push(Error::required(&path.child("containers"), ""));
    }
    for (field, list, init) in [
        ("containers", Some(&spec.containers), false),
        ("initContainers", spec.init_containers.as_ref(), true),
    ] {
        for (index, container) in list.into_iter().flatten().enumerate() {
            let path = path.child(field).index(index);
            name(e, &path.child("name"), &container.name, &mut taken);
            one(e, &path, container, volumes);
            life(e, &path, container, init);
            ports(
                e,
                &path.child("ports"),
                container.ports.as_deref(),
                spec.host_network == Some(true),
                &mut host_ports,
            );
        }
    }
}

/// A container's name, among those already taken.
pub(crate) fn name<'a>(e: &mut ErrorList, path: &Path, name: &'a str, taken: &mut Vec<&'a str>) {
    if name.is_empty() {
        e.push(Error::required(path, ""));
    } else {
        check::messages(e, path, name, names::label_errors(name));
    }
    if taken.contains(&name) {
        e.push(Error::duplicate(path, name));
    }
    taken.push(name);
}

/// A container's image.
pub(crate) fn image(e: &mut ErrorList, path: &Path, image: Option<&String>) {
    match image.map(String::as_str) {
        None | Some("") => e.push(Error::required(path, "")),
        Some(text) if text.trim() != text => {
            e.push(Error::invalid(
                path,
                text,
                "must not have leading or trailing whitespace",
            ));
        }
        Some(_) => {}
    }
}

/// A user or group number.
pub(super) fn id(e: &mut ErrorList, path: &Path, id: Option<i64>) {
    if let Some(id) = id.filter(|it| !(0..=i64::from(i32::MAX)).contains(it)) {
        let text = format!("must be between 0 and {}, inclusive", i32::MAX);
        e.push(Error::invalid(path, id, &text));
    }
}

fn one(e: &mut ErrorList, path: &Path, container: &Container, volumes: &BTreeSet<String>) {
    image(e, &path.child("image"), container.image.as_ref());
    let policy = container.image_pull_policy.as_ref();
    check::one_of(e, &path.child("imagePullPolicy"), policy, PULL_POLICIES);
    let policy = container.termination_message_policy.as_ref();
    check::one_of(
        e,
        &path.child("terminationMessagePolicy"),
        policy,
        MESSAGE_POLICIES,
    );
    for (index, variable) in container.env.iter().flatten().enumerate() {
        environment(e, &path.child("env").index(index), variable);
    }
    environment_from(e, &path.child("envFrom"), container);
    mounts(e, &path.child("volumeMounts"), container, volumes);
    if let Some(it) = &container.resources {
        resources(e, &path.child("resources"), it);
    }
    if let Some(it) = &container.security_context {
        security(e, &path.child("securityContext"), it);
    }
}

fn life(e: &mut ErrorList, path: &Path, container: &Container, init: bool) {
    let always = container.restart_policy.as_deref() == Some("Always");
    if init && !always {
        for (field, given) in [
            ("lifecycle", container.lifecycle.is_some()),
            ("livenessProbe", container.liveness_probe.is_some()),
            ("readinessProbe", container.readiness_probe.is_some()),
            ("startupProbe", container.startup_probe.is_some()),
        ] {
            if given {
                e.push(Error::forbidden(
                    &path.child(field),
                    "may not be set for init containers without restartPolicy=Always",
                ));
            }
        }
        return;
    }
    for (field, probe, once) in [
        ("livenessProbe", &container.liveness_probe, true),
        ("readinessProbe", &container.readiness_probe, false),
        ("startupProbe", &container.startup_probe, true),
    ] {
        if let Some(probe) = probe {
            probes::validate(e, &path.child(field), probe, once);
        }
    }
    if let Some(lifecycle) = &container.lifecycle {
        let path = path.child("lifecycle");
        for (field, handler) in [
            ("postStart", &lifecycle.post_start),
            ("preStop", &lifecycle.pre_stop),
        ] {
            if let Some(handler) = handler {
                probes::handler(e, &path.child(field), handler);
            }
        }
    }
}

fn ports(
    e: &mut ErrorList,
    path: &Path,
    list: Option<&[ContainerPort]>,
    host_network: bool,
    taken: &mut BTreeSet<String>,
) {
    let mut named = BTreeSet::new();
    for (index, port) in list.unwrap_or_default().iter().enumerate() {
        let path = path.index(index);
        if let Some(name) = port.name.as_ref().filter(|it| !it.is_empty()) {
            check::messages(e, &path.child("name"), name, names::port_name_errors(name));
            if !named.insert(name) {
                e.push(Error::duplicate(&path.child("name"), name));
            }
        }
        if port.container_port == 0 {
            e.push(Error::required(&path.child("containerPort"), ""));
        } else {
            for message in names::port_number_errors(port.container_port.into()) {
                e.push(Error::invalid(
                    &path.child("containerPort"),
                    port.container_port,
                    &message,
                ));
            }
        }
        let host = port.host_port.unwrap_or(0);
        if host != 0 {
            for message in names::port_number_errors(host.into()) {
                e.push(Error::invalid(&path.child("hostPort"), host, &message));
            }
            if host_network && host != port.container_port {
                e.push(Error::invalid(
                    &path.child("containerPort"),
                    port.container_port,
                    "must match `hostPort` when `hostNetwork` is true",
                ));
            }
            let key = format!(
                "{}/{}/{host}",
                port.protocol.as_deref().unwrap_or_default(),
                port.host_ip.as_deref().unwrap_or_default()
            );
            if !taken.insert(key.clone()) {
                e.push(Error::duplicate(&path.child("hostPort"), key));
            }
        }
        check::one_of(
            e,
            &path.child("protocol"),
            port.protocol.as_ref(),
            PROTOCOLS,
        );
        if let Some(ip) = port.host_ip.as_ref().filter(|it| !it.is_empty()) {
            check::messages(e, &path.child("hostIP"), ip, names::ip_errors(ip));
        }
    }
}

fn environment(e: &mut ErrorList, path: &Path, variable: &EnvVar) {
    if variable.name.is_empty() {
        e.push(Error::required(&path.child("name"), ""));
    } else {
        check::messages(
            e,
            &path.child("name"),
            &variable.name,
            names::env_var_name_errors(&variable.name),
        );
    }
    let Some(from) = &variable.value_from else {
        return;
    };
    let path = path.child("valueFrom");
    let given = [
        from.field_ref.is_some(),
        from.resource_field_ref.is_some(),
        from.config_map_key_ref.is_some(),
        from.secret_key_ref.is_some(),
        from.file_key_ref.is_some(),
    ];
    let given = given.into_iter().filter(|it| *it).count();
    let wrong = if given == 0 {
        Some(
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
        )
    } else if variable.value.as_ref().is_some_and(|it| !it.is_empty()) {
        Some("may not be specified when `value` is not empty")
    } else if given > 1 {
        Some("may not have more than one field specified at a time")
    } else {
        None
    };
    if let Some(text) = wrong {
        e.push(Error::invalid(&path, "", text));
    }
    let keyed = from
        .config_map_key_ref
        .as_ref()
        .map(|it| ("configMapKeyRef", &it.name, &it.key));
    let keyed = keyed.into_iter().chain(
        from.secret_key_ref
            .as_ref()
            .map(|it| ("secretKeyRef", &it.name, &it.key)),
    );
    for (field, name, key) in keyed {
        let path = path.child(field);
        check::required(e, &path.child("name"), Some(name));
        if check::required(e, &path.child("key"), Some(key)) {
            check::messages(
                e,
                &path.child("key"),
                key,
                names::config_map_key_errors(key),
            );
        }
    }
    if let Some(field) = &from.field_ref {
        super::volumes::field_path(e, &path.child("fieldRef"), &field.field_path, true);
    }
}

fn environment_from(e: &mut ErrorList, path: &Path, container: &Container) {
    for (index, source) in container.env_from.iter().flatten().enumerate() {
        let path = path.index(index);
        if let Some(prefix) = source.prefix.as_ref().filter(|it| !it.is_empty()) {
            check::messages(
                e,
                &path.child("prefix"),
                prefix,
                names::env_var_name_errors(prefix),
            );
        }
        match (&source.config_map_ref, &source.secret_ref) {
            (None, None) => e.push(Error::invalid(
                &path,
                "",
                "must specify one of: `configMapRef` or `secretRef`",
            )),
            (Some(_), Some(_)) => e.push(Error::invalid(
                &path,
                "",
                "may not have more than one field specified at a time",
            )),
            (Some(it), None) => {
                check::required(e, &path.child("configMapRef").child("name"), Some(&it.name));
            }
            (None, Some(it)) => {
                check::required(e, &path.child("secretRef").child("name"), Some(&it.name));
            }
        }
    }
}

fn mounts(e: &mut ErrorList, path: &Path, container: &Container, volumes: &BTreeSet<String>) {
    let mut taken = BTreeSet::new();
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let path = path.index(index);
        check::required(e, &path.child("name"), Some(&mount.name));
        if !volumes.contains(&mount.name) {
            e.push(Error::not_found(&path.child("name"), &mount.name));
        }
        check::required(e, &path.child("mountPath"), Some(&mount.mount_path));
        if !taken.insert(&mount.mount_path) {
            e.push(Error::invalid(
                &path.child("mountPath"),
                &mount.mount_path,
                "must be unique",
            ));
        }
        if let Some(below) = mount.sub_path.as_ref().filter(|it| !it.is_empty()) {
            super::volumes::local_path(e, &path.child("subPath"), below);
        }
        let list = &["Bidirectional", "HostToContainer", "None"];
        check::maybe_one_of(
            e,
            &path.child("mountPropagation"),
            mount.mount_propagation.as_ref(),
            list,
        );
    }
}

/// Resource names, amounts, and requests that do not pass their limits.
pub(super) fn resources(e: &mut ErrorList, path: &Path, resources: &ResourceRequirements) {
    for (field, map) in [
        ("limits", &resources.limits),
        ("requests", &resources.requests),
    ] {
        for (name, amount) in map.iter().flatten() {
            let path = path.child(field).key(name);
            check::messages(e, &path, name, names::qualified_name_errors(name));
            if let Ok(amount) = Quantity::from_wire(amount)
                && amount.is_negative()
            {
                e.push(Error::invalid(
                    &path,
                    amount.to_string(),
                    check::NOT_NEGATIVE,
                ));
            }
            let standard = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage")
                || name.starts_with("hugepages-");
            if !standard && !name.contains('/') {
                e.push(Error::invalid(
                    &path,
                    name,
                    "must be a standard resource for containers",
                ));
            }
        }
    }
    for (name, request) in resources.requests.iter().flatten() {
        let limit = resources.limits.as_ref().and_then(|it| it.get(name));
        if let (Ok(request), Some(Ok(limit))) =
            (Quantity::from_wire(request), limit.map(Quantity::from_wire))
            && request > limit
        {
            let text = format!("must be less than or equal to {name} limit of {limit}");
            e.push(Error::invalid(
                &path.child("requests"),
                request.to_string(),
                &text,
            ));
        }
    }
}

fn security(e: &mut ErrorList, path: &Path, context: &SecurityContext) {
    id(e, &path.child("runAsUser"), context.run_as_user);
    id(e, &path.child("runAsGroup"), context.run_as_group);
    if context.allow_privilege_escalation == Some(false) {
        let added = context
            .capabilities
            .iter()
            .flat_map(|it| it.add.iter().flatten());
        if context.privileged == Some(true) {
            e.push(Error::invalid(
                path,
                serde_json::json!({}),
                "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
            ));
        }
        if added.into_iter().any(|it| it == "CAP_SYS_ADMIN") {
            e.push(Error::invalid(path, serde_json::json!({}), "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"));
        }
    }
}
