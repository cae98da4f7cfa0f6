//! Errors of a pod, a pod template and a pod spec: upstream's `ValidatePodSpec`.

use super::{containers, scheduling, volumes};
use crate::check;
use k8s_openapi::api::core::v1::{Pod, PodSpec, PodTemplateSpec};
use machinery::{
    field::{Error, ErrorList, Path},
    labels, names,
};
use std::collections::BTreeSet;

const RESTART_POLICIES: &[&str] = &["Always", "OnFailure", "Never"];
const DNS_POLICIES: &[&str] = &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];

/// Errors of a pod.
pub(crate) fn pod(pod: &Pod, path: &Path) -> ErrorList {
    let path = path.child("spec");
    pod.spec
        .as_ref()
        .map_or_else(|| spec(&PodSpec::default(), &path), |it| spec(it, &path))
}

/// Errors of a workload's template.
pub(crate) fn template(template: &PodTemplateSpec, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let metadata = path.child("metadata");
    if let Some(map) = template.metadata.as_ref().and_then(|it| it.labels.as_ref()) {
        errors.extend(labels::validate_labels(map, &metadata.child("labels")));
    }
    let annotations = template
        .metadata
        .as_ref()
        .and_then(|it| it.annotations.as_ref());
    for key in annotations.into_iter().flat_map(|it| it.keys()) {
        let path = metadata.child("annotations");
        check::messages(&mut errors, &path, key, names::annotation_key_errors(key));
    }
    let path = path.child("spec");
    let empty = PodSpec::default();
    let it = template.spec.as_ref().unwrap_or(&empty);
    errors.extend(spec(it, &path));
    if it
        .ephemeral_containers
        .as_ref()
        .is_some_and(|it| !it.is_empty())
    {
        let path = path.child("ephemeralContainers");
        errors.push(Error::forbidden(
            &path,
            "ephemeral containers not allowed in pod template",
        ));
    }
    errors
}

/// Errors of a pod spec.
pub(crate) fn spec(spec: &PodSpec, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let volumes: BTreeSet<String> = volumes::validate(e, path, spec);
    containers::validate(e, path, spec, &volumes);
    check::one_of(
        e,
        &path.child("restartPolicy"),
        spec.restart_policy.as_ref(),
        RESTART_POLICIES,
    );
    check::one_of(
        e,
        &path.child("dnsPolicy"),
        spec.dns_policy.as_ref(),
        DNS_POLICIES,
    );
    if let Some(map) = &spec.node_selector {
        e.extend(labels::validate_labels(map, &path.child("nodeSelector")));
    }
    host(e, path, spec);
    deadlines(e, path, spec);
    names_in(e, path, spec);
    dns(e, path, spec);
    scheduling::validate(e, path, spec);
    errors
}

fn deadlines(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    check::not_negative(
        e,
        &path.child("terminationGracePeriodSeconds"),
        spec.termination_grace_period_seconds,
    );
    if let Some(seconds) = spec.active_deadline_seconds
        && !(1..=i64::from(i32::MAX)).contains(&seconds)
    {
        let text = format!("must be between 1 and {}, inclusive", i32::MAX);
        e.push(Error::invalid(
            &path.child("activeDeadlineSeconds"),
            seconds,
            &text,
        ));
    }
}

fn names_in(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    type Rule = fn(&str) -> Vec<String>;
    let table: [(&str, Option<&String>, Rule); 6] = [
        ("nodeName", spec.node_name.as_ref(), names::subdomain_errors),
        (
            "serviceAccountName",
            spec.service_account_name.as_ref(),
            names::subdomain_errors,
        ),
        ("hostname", spec.hostname.as_ref(), names::label_errors),
        ("subdomain", spec.subdomain.as_ref(), names::label_errors),
        (
            "priorityClassName",
            spec.priority_class_name.as_ref(),
            names::subdomain_errors,
        ),
        (
            "runtimeClassName",
            spec.runtime_class_name.as_ref(),
            names::subdomain_errors,
        ),
    ];
    for (field, value, rule) in table {
        if let Some(value) = value.filter(|it| !it.is_empty()) {
            check::messages(e, &path.child(field), value, rule(value));
        }
    }
    for (index, secret) in spec.image_pull_secrets.iter().flatten().enumerate() {
        if secret.name.is_empty() {
            let path = path.child("imagePullSecrets").index(index).child("name");
            e.push(Error::required(&path, ""));
        }
    }
    if let Some(policy) = spec.preemption_policy.as_ref().filter(|it| !it.is_empty()) {
        let list = &["Never", "PreemptLowerPriority"];
        check::one_of(e, &path.child("preemptionPolicy"), Some(policy), list);
    }
}

fn host(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    if let Some(context) = &spec.security_context {
        let path = path.child("securityContext");
        for (field, id) in [
            ("runAsUser", context.run_as_user),
            ("runAsGroup", context.run_as_group),
            ("fsGroup", context.fs_group),
        ] {
            containers::id(e, &path.child(field), id);
        }
        for (index, group) in context.supplemental_groups.iter().flatten().enumerate() {
            containers::id(
                e,
                &path.child("supplementalGroups").index(index),
                Some(*group),
            );
        }
        let change = context.fs_group_change_policy.as_ref();
        check::maybe_one_of(
            e,
            &path.child("fsGroupChangePolicy"),
            change,
            &["Always", "OnRootMismatch"],
        );
        for (index, sysctl) in context.sysctls.iter().flatten().enumerate() {
            if sysctl.name.is_empty() {
                e.push(Error::required(
                    &path.child("sysctls").index(index).child("name"),
                    "",
                ));
            }
        }
    }
    if spec.host_pid == Some(true) && spec.share_process_namespace == Some(true) {
        let path = path.child("shareProcessNamespace");
        e.push(Error::invalid(
            &path,
            true,
            "ShareProcessNamespace and HostPID cannot both be enabled",
        ));
    }
    for (index, alias) in spec.host_aliases.iter().flatten().enumerate() {
        let path = path.child("hostAliases").index(index);
        check::messages(e, &path.child("ip"), &alias.ip, names::ip_errors(&alias.ip));
        for (at, name) in alias.hostnames.iter().flatten().enumerate() {
            check::messages(
                e,
                &path.child("hostnames").index(at),
                name,
                names::subdomain_errors(name),
            );
        }
    }
}

/// Upstream's limits of a pod's own DNS configuration.
const NAMESERVERS_LIMIT: usize = 3;
const SEARCHES_LIMIT: usize = 32;

fn dns(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let path = path.child("dnsConfig");
    let policy_none = spec.dns_policy.as_deref() == Some("None");
    let Some(config) = &spec.dns_config else {
        if policy_none {
            e.push(Error::required(
                &path,
                "must provide `dnsConfig` when `dnsPolicy` is None",
            ));
        }
        return;
    };
    let servers = config.nameservers.as_deref().unwrap_or_default();
    if policy_none && servers.is_empty() {
        let text = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        e.push(Error::required(&path.child("nameservers"), text));
    }
    if servers.len() > NAMESERVERS_LIMIT {
        let text = format!("must not have more than {NAMESERVERS_LIMIT} nameservers");
        e.push(Error::invalid(
            &path.child("nameservers"),
            serde_json::json!(servers),
            &text,
        ));
    }
    for (index, server) in servers.iter().enumerate() {
        check::messages(
            e,
            &path.child("nameservers").index(index),
            server,
            names::ip_errors(server),
        );
    }
    let searches = config.searches.as_deref().unwrap_or_default();
    if searches.len() > SEARCHES_LIMIT {
        let text = format!("must not have more than {SEARCHES_LIMIT} search paths");
        e.push(Error::invalid(
            &path.child("searches"),
            serde_json::json!(searches),
            &text,
        ));
    }
    for (index, option) in config.options.iter().flatten().enumerate() {
        check::required(e, &path.child("options").index(index), option.name.as_ref());
    }
}
