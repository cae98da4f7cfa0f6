//! Errors of a pod, a pod template and a pod spec: upstream's `ValidatePodCreate`,
//! `ValidatePodTemplateSpec` and `ValidatePodSpec`, in their order.

pub(crate) use super::{
    annotations::{APPARMOR, changes as annotation_changes},
    security::id,
};

use super::{annotations, containers, dns, mounts, resources, scheduling, security, volumes};
use crate::check;
use k8s_openapi::{
    api::core::v1::{Pod, PodSpec, PodTemplateSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use machinery::{
    field::{Error, ErrorList, Path},
    labels, names,
};

const RESTART_POLICIES: &[&str] = &["Always", "OnFailure", "Never"];
const DNS_POLICIES: &[&str] = &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
/// Host names of Linux are no longer.
const HOSTNAME_OVERRIDE_BYTES: usize = 64;

/// Where a spec stands; a pod is held to a little more than a template.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    /// Whether it is a pod's own.
    pub(crate) pod: bool,
    /// The pod's name; empty for a template.
    pub(crate) name: &'a str,
}

impl Site<'_> {
    /// A workload's template.
    pub(crate) const TEMPLATE: Self = Self {
        pod: false,
        name: "",
    };
}

/// Whether it mirrors a pod that a kubelet runs from a file.
pub(crate) fn is_mirror(metadata: &ObjectMeta) -> bool {
    let annotations = metadata.annotations.as_ref();
    annotations.is_some_and(|it| it.contains_key(annotations::MIRROR))
}

/// Errors of a new pod.
pub(crate) fn pod(pod: &Pod) -> ErrorList {
    let mut errors = metadata_and_spec(pod);
    let path = Path::new("spec");
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    if spec.ephemeral_containers.iter().flatten().next().is_some() {
        let path = path.child("ephemeralContainers");
        errors.push(Error::forbidden(&path, "cannot be set on create"));
    }
    let placed = spec.node_name.as_ref().is_some_and(|it| !it.is_empty());
    if placed && spec.scheduling_gates.iter().flatten().next().is_some() {
        let text = "cannot be set until all schedulingGates have been cleared";
        errors.push(Error::forbidden(&path.child("nodeName"), text));
    }
    annotations::match_fields(&mut errors, &path, &pod.metadata, spec);
    errors
}

/// Errors of a pod, new or changed.
pub(crate) fn metadata_and_spec(pod: &Pod) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    let at = Path::new("metadata").child("annotations");
    annotations::validate(e, &at, &pod.metadata, spec);
    let path = Path::new("spec");
    let site = Site {
        pod: true,
        name: pod.metadata.name.as_deref().unwrap_or_default(),
    };
    e.extend(self::spec(spec, &path, site));
    if spec
        .service_account_name
        .as_ref()
        .is_none_or(String::is_empty)
    {
        volumes::no_tokens(e, &path.child("volumes"), spec);
    }
    let lists = [
        ("containers", Some(&spec.containers)),
        ("initContainers", spec.init_containers.as_ref()),
    ];
    for (field, list) in lists {
        for (index, it) in list.into_iter().flatten().enumerate() {
            containers::untrimmed_image(e, &path.child(field).index(index), it.image.as_ref());
        }
    }
    errors
}

/// Errors of a workload's template.
pub(crate) fn template(template: &PodTemplateSpec, path: &Path) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let metadata = template.metadata.clone().unwrap_or_default();
    if let Some(map) = &metadata.labels {
        e.extend(labels::validate_labels(map, &path.child("labels")));
    }
    let at = path.child("annotations");
    machinery::metadata::validate_annotations(&metadata, &at, e);
    let empty = PodSpec::default();
    let it = template.spec.as_ref().unwrap_or(&empty);
    annotations::validate(e, &at, &metadata, it);
    let path = path.child("spec");
    e.extend(spec(it, &path, Site::TEMPLATE));
    annotations::match_fields(e, &path, &metadata, it);
    if it.ephemeral_containers.iter().flatten().next().is_some() {
        let text = "ephemeral containers not allowed in pod template";
        e.push(Error::forbidden(&path.child("ephemeralContainers"), text));
    }
    errors
}

/// Errors of a pod spec.
pub(crate) fn spec(spec: &PodSpec, path: &Path, site: Site<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    if spec.termination_grace_period_seconds.is_none() {
        e.push(Error::required(
            &path.child("terminationGracePeriodSeconds"),
            "",
        ));
    }
    let around = containers::Around {
        spec,
        volumes: mounts::Volumes(volumes::validate(e, &path.child("volumes"), spec, site)),
    };
    resources::pod_claims(e, &path.child("resourceClaims"), spec);
    containers::regular(e, &path.child("containers"), &around);
    containers::init(e, &path.child("initContainers"), &around);
    containers::ephemeral(e, &path.child("ephemeralContainers"), &around);
    resources::pod_level(e, &path.child("resources"), spec);
    host_ports(e, &path.child("containers"), spec, site);
    let restart = spec.restart_policy.as_ref();
    check::one_of(e, &path.child("restartPolicy"), restart, RESTART_POLICIES);
    let dns_policy = spec.dns_policy.as_ref();
    check::one_of(e, &path.child("dnsPolicy"), dns_policy, DNS_POLICIES);
    if let Some(map) = &spec.node_selector {
        e.extend(labels::validate_labels(map, &path.child("nodeSelector")));
    }
    security::pod(e, &path.child("securityContext"), spec);
    scheduling::affinity(e, &path.child("affinity"), spec);
    dns::validate(e, &path.child("dnsConfig"), spec);
    scheduling::gates(e, path, spec);
    scheduling::spread(e, &path.child("topologySpreadConstraints"), spec);
    security::host_process(e, path, spec);
    security::host_users(e, path, spec);
    names_in(e, path, spec);
    if let Some(os) = &spec.os {
        security::os(e, path, spec, &os.name);
    }
    errors
}

/// On the node's network a port is the node's port. A template may leave it to the pod's defaults.
fn host_ports(e: &mut ErrorList, path: &Path, spec: &PodSpec, site: Site<'_>) {
    if spec.host_network != Some(true) {
        return;
    }
    for (index, container) in spec.containers.iter().enumerate() {
        for (at, port) in container.ports.iter().flatten().enumerate() {
            let host = port.host_port.unwrap_or(0);
            if (site.pod || host != 0) && host != port.container_port {
                let path = path.index(index).child("ports").index(at).child("hostPort");
                let text = "must match `containerPort` when `hostNetwork` is true";
                e.push(Error::invalid(&path, host, text));
            }
        }
    }
}

fn names_in(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let mut named = |field: &str, value: Option<&String>, rule: fn(&str) -> Vec<String>| {
        if let Some(value) = value.filter(|it| !it.is_empty()) {
            check::messages(e, &path.child(field), value, rule(value));
        }
    };
    let subdomain = names::subdomain_errors;
    named(
        "serviceAccountName",
        spec.service_account_name.as_ref(),
        subdomain,
    );
    named("nodeName", spec.node_name.as_ref(), subdomain);
    if let Some(seconds) = spec.active_deadline_seconds {
        for text in names::in_range(seconds, 1, i32::MAX.into()) {
            e.push(Error::invalid(
                &path.child("activeDeadlineSeconds"),
                seconds,
                &text,
            ));
        }
    }
    for (field, value) in [("hostname", &spec.hostname), ("subdomain", &spec.subdomain)] {
        if let Some(value) = value.as_ref().filter(|it| !it.is_empty()) {
            check::messages(e, &path.child(field), value, names::label_errors(value));
        }
    }
    hostname_override(e, path, spec);
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    scheduling::tolerations(e, &path.child("tolerations"), tolerations);
    dns::host_aliases(e, &path.child("hostAliases"), spec);
    let priority = spec.priority_class_name.as_ref();
    if let Some(value) = priority.filter(|it| !it.is_empty()) {
        check::messages(e, &path.child("priorityClassName"), value, subdomain(value));
    }
    if let Some(value) = &spec.runtime_class_name {
        check::messages(e, &path.child("runtimeClassName"), value, subdomain(value));
    }
    let preemption = spec.preemption_policy.as_ref();
    check::maybe_one_of(
        e,
        &path.child("preemptionPolicy"),
        preemption,
        &["PreemptLowerPriority", "Never"],
    );
    if let Some(overhead) = &spec.overhead {
        resources::overhead(e, &path.child("overhead"), overhead);
    }
}

fn hostname_override(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let at = path.child("hostnameOverride");
    let Some(name) = spec.hostname_override.as_ref().filter(|it| !it.is_empty()) else {
        return;
    };
    check::messages(e, &at, name, names::subdomain_errors(name));
    if name.len() > HOSTNAME_OVERRIDE_BYTES {
        e.push(Error::too_long(&at, HOSTNAME_OVERRIDE_BYTES));
    }
    if spec.set_hostname_as_fqdn == Some(true) {
        e.push(Error::forbidden(
            &at,
            "may not be set when `setHostnameAsFQDN` is true",
        ));
    }
    if spec.host_network == Some(true) {
        e.push(Error::forbidden(
            &at,
            "may not be set when `hostNetwork` is true",
        ));
    }
}
