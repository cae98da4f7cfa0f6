//! Errors of the three lists of containers: upstream's `validateContainers`, `validateInitContainers`
//! and `validateEphemeralContainers`.

use super::{environment, mounts, probes, resources, security};
use crate::check;
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, ContainerRestartRule, EphemeralContainer, PodSpec,
    ResourceRequirements,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};
use std::collections::BTreeSet;

const PULL_POLICIES: &[&str] = &["Always", "IfNotPresent", "Never"];
const MESSAGE_POLICIES: &[&str] = &["File", "FallbackToLogsOnError"];
const RESTART_POLICIES: &[&str] = &["Always", "Never", "OnFailure"];
const RESTART_ACTIONS: &[&str] = &["Restart", "RestartAllContainers"];
const RESTART_RULES_LIMIT: usize = 20;
const EXIT_CODES_LIMIT: usize = 255;
const NOT_EPHEMERAL: &str = "cannot be set for an Ephemeral Container";
const NOT_INIT: &str = "may not be set for init containers without restartPolicy=Always";

/// What a container is checked against.
pub(super) struct Around<'a> {
    pub(super) spec: &'a PodSpec,
    pub(super) volumes: mounts::Volumes<'a>,
}

/// Errors of `containers`.
pub(super) fn regular(e: &mut ErrorList, path: &Path, around: &Around<'_>) {
    let list = &around.spec.containers;
    if list.is_empty() {
        return e.push(Error::required(path, ""));
    }
    let mut taken = BTreeSet::new();
    for (index, it) in list.iter().enumerate() {
        let path = path.index(index);
        common(e, &path, it, around);
        if !taken.insert(&it.name) {
            e.push(Error::duplicate(&path.child("name"), &it.name));
        }
        life(e, &path, it, around);
        restarts(e, &path, it);
    }
    host_ports(e, path, list.iter().enumerate());
}

/// Errors of `initContainers`.
pub(super) fn init(e: &mut ErrorList, path: &Path, around: &Around<'_>) {
    let mut taken: BTreeSet<_> = around.spec.containers.iter().map(|it| &it.name).collect();
    for (index, it) in around.spec.init_containers.iter().flatten().enumerate() {
        let at = path.index(index);
        common(e, &at, it, around);
        restarts(e, &at, it);
        if taken.contains(&it.name) {
            e.push(Error::duplicate(&at.child("name"), &it.name));
        } else if !it.name.is_empty() {
            taken.insert(&it.name);
        }
        // They run one by one, so each has the node's ports to itself.
        host_ports(e, path, std::iter::once((0, it)));
        if machinery::pods::is_sidecar(it) {
            life(e, &at, it, around);
            continue;
        }
        for (field, given) in [
            ("lifecycle", it.lifecycle.is_some()),
            ("livenessProbe", it.liveness_probe.is_some()),
            ("readinessProbe", it.readiness_probe.is_some()),
            ("startupProbe", it.startup_probe.is_some()),
        ] {
            if given {
                e.push(Error::forbidden(&at.child(field), NOT_INIT));
            }
        }
    }
}

/// Errors of `ephemeralContainers`.
pub(super) fn ephemeral(e: &mut ErrorList, path: &Path, around: &Around<'_>) {
    let spec = around.spec;
    let others = spec
        .containers
        .iter()
        .chain(spec.init_containers.iter().flatten());
    let others: BTreeSet<_> = others.map(|it| &it.name).collect();
    let mut taken = others.clone();
    for (index, it) in spec.ephemeral_containers.iter().flatten().enumerate() {
        let path = path.index(index);
        common(e, &path, &machinery::pods::as_container(it), around);
        untrimmed_image(e, &path, it.image.as_ref());
        if !taken.insert(&it.name) {
            e.push(Error::duplicate(&path.child("name"), &it.name));
        }
        let target = it.target_container_name.as_ref();
        if let Some(target) = target.filter(|it| !it.is_empty() && !others.contains(it)) {
            e.push(Error::not_found(&path.child("targetContainerName"), target));
        }
        not_ephemeral(e, &path, it);
    }
}

/// What a container that only looks at a running pod may not have.
fn not_ephemeral(e: &mut ErrorList, path: &Path, it: &EphemeralContainer) {
    let resources = it.resources.as_ref();
    let any = |list: Option<bool>| list == Some(false);
    for (field, given) in [
        ("ports", any(it.ports.as_ref().map(Vec::is_empty))),
        (
            "resources",
            resources.is_some_and(|it| *it != ResourceRequirements::default()),
        ),
        (
            "resizePolicy",
            any(it.resize_policy.as_ref().map(Vec::is_empty)),
        ),
        ("restartPolicy", it.restart_policy.is_some()),
        (
            "restartPolicyRules",
            any(it.restart_policy_rules.as_ref().map(Vec::is_empty)),
        ),
        ("livenessProbe", it.liveness_probe.is_some()),
        ("readinessProbe", it.readiness_probe.is_some()),
        ("startupProbe", it.startup_probe.is_some()),
        ("lifecycle", it.lifecycle.is_some()),
    ] {
        if given {
            e.push(Error::forbidden(&path.child(field), NOT_EPHEMERAL));
        }
    }
    for (index, mount) in it.volume_mounts.iter().flatten().enumerate() {
        let path = path.child("volumeMounts").index(index);
        for (field, value) in [
            ("subPath", &mount.sub_path),
            ("subPathExpr", &mount.sub_path_expr),
        ] {
            if value.as_ref().is_some_and(|it| !it.is_empty()) {
                e.push(Error::forbidden(&path.child(field), NOT_EPHEMERAL));
            }
        }
    }
}

/// An image without white space around it; only pods are held to that.
pub(crate) fn untrimmed_image(e: &mut ErrorList, path: &Path, image: Option<&String>) {
    if let Some(image) = image.filter(|it| it.trim() != it.as_str()) {
        let text = "must not have leading or trailing whitespace";
        e.push(Error::invalid(&path.child("image"), image, text));
    }
}

fn common(e: &mut ErrorList, path: &Path, it: &Container, around: &Around<'_>) {
    let at = path.child("name");
    if check::required(e, &at, Some(&it.name)) {
        check::messages(e, &at, &it.name, names::label_errors(&it.name));
    }
    check::required(e, &path.child("image"), it.image.as_ref());
    let policy = it.termination_message_policy.as_ref();
    check::one_of(
        e,
        &path.child("terminationMessagePolicy"),
        policy,
        MESSAGE_POLICIES,
    );
    ports(
        e,
        &path.child("ports"),
        it.ports.as_deref().unwrap_or_default(),
    );
    environment::variables(e, &path.child("env"), it);
    environment::sources(e, &path.child("envFrom"), it);
    mounts::mounts(e, &path.child("volumeMounts"), it, &around.volumes);
    mounts::devices(e, &path.child("volumeDevices"), it, &around.volumes);
    let pull = it.image_pull_policy.as_ref();
    check::one_of(e, &path.child("imagePullPolicy"), pull, PULL_POLICIES);
    let none = ResourceRequirements::default();
    let wanted = it.resources.as_ref().unwrap_or(&none);
    resources::container(e, &path.child("resources"), wanted, around.spec);
    resources::resize_policy(e, &path.child("resizePolicy"), it, around.spec);
    let at = path.child("securityContext");
    security::container(e, &at, it.security_context.as_ref(), around.spec);
}

/// What only a container that stays has.
fn life(e: &mut ErrorList, path: &Path, it: &Container, around: &Around<'_>) {
    let grace = around.spec.termination_grace_period_seconds;
    if let Some(lifecycle) = &it.lifecycle {
        let at = path.child("lifecycle");
        probes::lifecycle(e, &at, lifecycle, grace, around.spec);
    }
    for (field, probe, kind) in [
        ("livenessProbe", &it.liveness_probe, probes::Kind::Once),
        ("readinessProbe", &it.readiness_probe, probes::Kind::Ready),
        ("startupProbe", &it.startup_probe, probes::Kind::Once),
    ] {
        if let Some(probe) = probe {
            probes::validate(e, &path.child(field), probe, kind);
        }
    }
}

/// A container's own restart policy, and the exits it makes exceptions for.
fn restarts(e: &mut ErrorList, path: &Path, it: &Container) {
    let rules = it.restart_policy_rules.as_deref().unwrap_or_default();
    let at = path.child("restartPolicy");
    match &it.restart_policy {
        None if !rules.is_empty() => {
            let text = "must specify restartPolicy when restart rules are used";
            e.push(Error::required(&at, text));
        }
        Some(policy) if !RESTART_POLICIES.contains(&policy.as_str()) => {
            e.push(Error::not_supported(&at, policy, RESTART_POLICIES));
        }
        _ => {}
    }
    let at = path.child("restartPolicyRules");
    if rules.len() > RESTART_RULES_LIMIT {
        e.push(Error::too_many(&at, rules.len(), RESTART_RULES_LIMIT));
    }
    for (index, rule) in rules.iter().enumerate() {
        restart_rule(e, &at.index(index), rule);
    }
}

fn restart_rule(e: &mut ErrorList, path: &Path, rule: &ContainerRestartRule) {
    if !RESTART_ACTIONS.contains(&rule.action.as_str()) {
        let at = path.child("action");
        e.push(Error::not_supported(&at, &rule.action, RESTART_ACTIONS));
    }
    let path = path.child("exitCodes");
    let Some(codes) = &rule.exit_codes else {
        return e.push(Error::required(&path, "must be specified"));
    };
    if !matches!(codes.operator.as_str(), "In" | "NotIn") {
        let at = path.child("operator");
        e.push(Error::not_supported(&at, &codes.operator, &["In", "NotIn"]));
    }
    let count = codes.values.as_ref().map_or(0, Vec::len);
    if count > EXIT_CODES_LIMIT {
        e.push(Error::too_many(
            &path.child("values"),
            count,
            EXIT_CODES_LIMIT,
        ));
    }
}

fn ports(e: &mut ErrorList, path: &Path, list: &[ContainerPort]) {
    let mut taken = BTreeSet::new();
    for (index, port) in list.iter().enumerate() {
        let path = path.index(index);
        if let Some(name) = port.name.as_ref().filter(|it| !it.is_empty()) {
            let wrong = names::port_name_errors(name);
            if wrong.is_empty() && !taken.insert(name) {
                e.push(Error::duplicate(&path.child("name"), name));
            }
            check::messages(e, &path.child("name"), name, wrong);
        }
        if port.container_port == 0 {
            e.push(Error::required(&path.child("containerPort"), ""));
        }
        let host = port.host_port.unwrap_or(0);
        for (field, number) in [("containerPort", port.container_port), ("hostPort", host)] {
            if number != 0 {
                check::port(e, &path.child(field), number);
            }
        }
        check::protocol(e, &path, port.protocol.as_ref());
    }
}

/// A port of the node is one container's.
fn host_ports<'a>(
    e: &mut ErrorList,
    path: &Path,
    list: impl Iterator<Item = (usize, &'a Container)>,
) {
    let mut taken = BTreeSet::new();
    for (index, container) in list {
        for (at, port) in container.ports.iter().flatten().enumerate() {
            let Some(host) = port.host_port.filter(|it| *it != 0) else {
                continue;
            };
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let key = format!("{}/{}/{host}", text(&port.protocol), text(&port.host_ip));
            if !taken.insert(key.clone()) {
                let path = path.index(index).child("ports").index(at).child("hostPort");
                e.push(Error::duplicate(&path, key));
            }
        }
    }
}
