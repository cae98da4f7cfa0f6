//! What may change in a pod, and through which subresource: upstream's `ValidatePodUpdate` and the
//! strategies of its subresources.

use crate::{check, pod_spec};
use k8s_openapi::api::core::v1::{Container, EphemeralContainer, Pod, PodSpec, Toleration};
use machinery::field::{Error, ErrorList, Path};

const FROZEN: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
const RESIZE_FROZEN: &str = "only cpu and memory resources are mutable";

/// Errors of an update through the pod itself.
pub(super) fn validate(new: &Pod, old: &Pod) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    let (Some(new_spec), Some(old_spec)) = (&new.spec, &old.spec) else {
        check::immutable(&mut errors, &path, new.spec == old.spec, "");
        return errors;
    };
    for (field, new, old) in [
        (
            "containers",
            Some(&new_spec.containers),
            Some(&old_spec.containers),
        ),
        (
            "initContainers",
            new_spec.init_containers.as_ref(),
            old_spec.init_containers.as_ref(),
        ),
    ] {
        let new = new.map_or(&[][..], Vec::as_slice);
        let path = path.child(field);
        if new.len() != old.map_or(0, Vec::len) {
            errors.push(Error::forbidden(
                &path,
                "pod updates may not add or remove containers",
            ));
            return errors;
        }
        for (index, container) in new.iter().enumerate() {
            let path = path.index(index).child("image");
            pod_spec::containers::image(&mut errors, &path, container.image.as_ref());
        }
    }
    active_deadline(
        &mut errors,
        &path.child("activeDeadlineSeconds"),
        new_spec,
        old_spec,
    );
    let mut allowed = new_spec.clone();
    put_back(&mut allowed, old_spec);
    let tolerations = path.child("tolerations");
    let gated = old_spec
        .scheduling_gates
        .as_ref()
        .is_some_and(|it| !it.is_empty());
    if !tolerations_grew(
        new_spec.tolerations.as_deref(),
        old_spec.tolerations.as_deref(),
    ) {
        errors.push(Error::forbidden(
            &tolerations,
            "existing toleration can not be modified except its tolerationSeconds",
        ));
    }
    if gated {
        gates(&mut errors, &path, new_spec, old_spec);
        allowed
            .scheduling_gates
            .clone_from(&old_spec.scheduling_gates);
        allowed.node_selector.clone_from(&old_spec.node_selector);
        allowed.affinity.clone_from(&old_spec.affinity);
    }
    if allowed != *old_spec {
        errors.push(Error::forbidden(&path, FROZEN));
    }
    errors
}

/// Makes equal what may differ.
fn put_back(new: &mut PodSpec, old: &PodSpec) {
    new.active_deadline_seconds = old.active_deadline_seconds;
    new.tolerations.clone_from(&old.tolerations);
    if old
        .termination_grace_period_seconds
        .is_some_and(|it| it < 0)
        && new.termination_grace_period_seconds == Some(1)
    {
        new.termination_grace_period_seconds = old.termination_grace_period_seconds;
    }
    let images = |new: &mut [Container], old: &[Container]| {
        for (new, old) in new.iter_mut().zip(old) {
            new.image.clone_from(&old.image);
        }
    };
    images(&mut new.containers, &old.containers);
    if let (Some(new), Some(old)) = (&mut new.init_containers, &old.init_containers) {
        images(new, old);
    }
}

fn active_deadline(errors: &mut ErrorList, path: &Path, new: &PodSpec, old: &PodSpec) {
    match (new.active_deadline_seconds, old.active_deadline_seconds) {
        (Some(new), _) if !(0..=i64::from(i32::MAX)).contains(&new) => {
            let text = format!("must be between 0 and {}, inclusive", i32::MAX);
            errors.push(Error::invalid(path, new, &text));
        }
        (Some(new), Some(old)) if new > old => {
            errors.push(Error::invalid(
                path,
                new,
                "must be less than or equal to previous value",
            ));
        }
        (None, Some(_)) => {
            let value = serde_json::Value::Null;
            errors.push(Error::invalid(
                path,
                value,
                "must not update from a positive integer to nil value",
            ));
        }
        _ => {}
    }
}

fn tolerations_grew(new: Option<&[Toleration]>, old: Option<&[Toleration]>) -> bool {
    let bare = |it: &Toleration| Toleration {
        toleration_seconds: None,
        ..it.clone()
    };
    let new: Vec<_> = new.unwrap_or_default().iter().map(bare).collect();
    old.unwrap_or_default()
        .iter()
        .all(|it| new.contains(&bare(it)))
}

fn gates(errors: &mut ErrorList, path: &Path, new: &PodSpec, old: &PodSpec) {
    let path = path.child("schedulingGates");
    for gate in new.scheduling_gates.iter().flatten() {
        if !old
            .scheduling_gates
            .iter()
            .flatten()
            .any(|it| it.name == gate.name)
        {
            let text = format!(
                "only deletion is allowed, but found new scheduling gate '{}'",
                gate.name
            );
            errors.push(Error::forbidden(&path, &text));
        }
    }
}

/// Takes from `new` only what the subresource may change.
pub(super) fn prepare_for_subresource(subresource: &str, new: &mut Pod, old: &Pod) {
    let asked = std::mem::replace(new, old.clone());
    let mut changed = false;
    match subresource {
        "status" => {
            let mut metadata = asked.metadata.clone();
            metadata
                .owner_references
                .clone_from(&old.metadata.owner_references);
            metadata
                .deletion_timestamp
                .clone_from(&old.metadata.deletion_timestamp);
            metadata.generation = old.metadata.generation;
            new.metadata = metadata;
            let mut status = asked.status.unwrap_or_default();
            status.qos_class = old.status.as_ref().and_then(|it| it.qos_class.clone());
            new.status = Some(status);
        }
        "ephemeralcontainers" => {
            if let (Some(asked), Some(spec)) = (asked.spec, &mut new.spec) {
                changed = asked.ephemeral_containers != spec.ephemeral_containers;
                spec.ephemeral_containers = asked.ephemeral_containers;
            }
        }
        "resize" => {
            if let (Some(asked), Some(spec)) = (asked.spec, &mut new.spec) {
                changed = resize(spec, &asked);
            }
        }
        _ => {}
    }
    if subresource != "status" {
        new.metadata.resource_version = asked.metadata.resource_version;
        new.metadata.managed_fields = asked.metadata.managed_fields;
        crate::prepare::next_generation(&mut new.metadata, &old.metadata, changed);
    }
}

/// Takes the containers' resources; tells whether that changed anything.
fn resize(spec: &mut PodSpec, asked: &PodSpec) -> bool {
    let before = spec.clone();
    let init = spec.init_containers.iter_mut().flatten();
    for container in init.chain(&mut spec.containers) {
        let all = asked
            .init_containers
            .iter()
            .flatten()
            .chain(&asked.containers);
        if let Some(asked) = all.into_iter().find(|it| it.name == container.name) {
            container.resources.clone_from(&asked.resources);
            container.resize_policy.clone_from(&asked.resize_policy);
        }
    }
    *spec != before
}

/// Errors of a change through a subresource.
pub(super) fn validate_subresource(subresource: &str, new: &Pod, old: &Pod) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    match (subresource, &new.spec, &old.spec) {
        ("ephemeralcontainers", Some(new), Some(old)) => ephemeral(&mut errors, &path, new, old),
        ("resize", Some(new_spec), Some(old_spec)) => {
            errors.extend(pod_spec::validate::spec(new_spec, &path));
            for (index, (new, old)) in new_spec
                .containers
                .iter()
                .zip(&old_spec.containers)
                .enumerate()
            {
                if other_resources(new) != other_resources(old) {
                    let path = path.child("containers").index(index).child("resources");
                    errors.push(Error::forbidden(&path, RESIZE_FROZEN));
                }
            }
            if machinery::pods::qos_class(new) != machinery::pods::qos_class(old) {
                errors.push(Error::invalid(
                    &path,
                    machinery::pods::qos_class(new),
                    "Pod QOS Class may not change as a result of resizing",
                ));
            }
        }
        _ => {}
    }
    errors
}

fn other_resources(
    container: &Container,
) -> Vec<(
    &String,
    &k8s_openapi::apimachinery::pkg::api::resource::Quantity,
)> {
    let resources = container.resources.iter();
    resources
        .flat_map(|it| it.limits.iter().chain(&it.requests))
        .flatten()
        .filter(|(name, _)| !matches!(name.as_str(), "cpu" | "memory"))
        .collect()
}

fn ephemeral(errors: &mut ErrorList, path: &Path, new: &PodSpec, old: &PodSpec) {
    let path = path.child("ephemeralContainers");
    let find = |list: &PodSpec, name: &str| -> Option<EphemeralContainer> {
        list.ephemeral_containers
            .iter()
            .flatten()
            .find(|it| it.name == name)
            .cloned()
    };
    let mut taken: Vec<&str> = new
        .containers
        .iter()
        .chain(new.init_containers.iter().flatten())
        .map(|it| it.name.as_str())
        .collect();
    for (index, container) in new.ephemeral_containers.iter().flatten().enumerate() {
        let path = path.index(index);
        pod_spec::containers::name(errors, &path.child("name"), &container.name, &mut taken);
        pod_spec::containers::image(errors, &path.child("image"), container.image.as_ref());
        if let Some(target) = container
            .target_container_name
            .as_ref()
            .filter(|it| !it.is_empty())
            && !new
                .containers
                .iter()
                .chain(new.init_containers.iter().flatten())
                .any(|it| it.name == *target)
        {
            errors.push(Error::not_found(&path.child("targetContainerName"), target));
        }
    }
    for before in old.ephemeral_containers.iter().flatten() {
        let text = match find(new, &before.name) {
            None => "removed",
            Some(now) if now != *before => "changed",
            Some(_) => continue,
        };
        let text = format!(
            "existing ephemeral containers {:?} may not be {text}\n",
            before.name
        );
        errors.push(Error::forbidden(&path, &text));
    }
}
