//! One pod on this node: observe the machine, plan without touching it, apply the plan, say how it is
//! (upstream: `syncPod`, `kuberuntime_manager.go`, `pod_workers.go`).

mod admission;
pub mod apply;
pub mod last_words;
pub mod observe;
pub mod plan;
mod report;
mod resize;
mod round;
pub mod status;
pub mod worker;
pub mod workers;

use k8s_openapi::api::core::v1::{Container, Pod};
use std::borrow::Cow;

/// What a container is to its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Runs to its end before the next starts.
    Init,
    /// An init container that stays (restart policy `Always`).
    Sidecar,
    /// One of `spec.containers`.
    Main,
    /// Added to a running pod, never restarted.
    Ephemeral,
}

/// Every container of a pod with its role, in the order in which they start.
#[must_use]
pub fn containers(pod: &Pod) -> Vec<(Role, Cow<'_, Container>)> {
    let Some(spec) = &pod.spec else {
        return Vec::new();
    };
    let init = spec.init_containers.iter().flatten().map(|it| {
        let role = if machinery::pods::is_sidecar(it) {
            Role::Sidecar
        } else {
            Role::Init
        };
        (role, Cow::Borrowed(it))
    });
    let main = spec.containers.iter();
    let main = main.map(|it| (Role::Main, Cow::Borrowed(it)));
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|it| {
        (
            Role::Ephemeral,
            Cow::Owned(machinery::pods::as_container(it)),
        )
    });
    init.chain(main).chain(ephemeral).collect()
}

/// One container by name, with its role.
#[must_use]
pub fn container<'a>(pod: &'a Pod, name: &str) -> Option<(Role, Cow<'a, Container>)> {
    containers(pod).into_iter().find(|(_, it)| it.name == name)
}

/// A pod's UID.
#[must_use]
pub fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

/// A pod's name.
#[must_use]
pub fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

/// A pod's namespace.
#[must_use]
pub fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap_or_default()
}

/// `name_namespace(uid)`, as upstream's messages name a pod.
#[must_use]
pub fn full_name(pod: &Pod) -> String {
    format!("{}_{}({})", name(pod), namespace(pod), uid(pod))
}
