//! What may change in a pod: upstream's `ValidatePodUpdate` and `ValidatePodEphemeralContainersUpdate`.

#[cfg(test)]
mod tests;

use crate::{check, internal, pod_spec::validate as pod_spec};
use k8s_openapi::api::core::v1::{
    Affinity, Container, NodeAffinity, NodeSelectorTerm, Pod, PodSpec,
};
use machinery::field::{Error, ErrorList, Path};

const FROZEN: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// Errors of an update through the pod itself.
pub(super) fn validate(new: &Pod, old: &Pod) -> ErrorList {
    let mut errors = well_formed(new, old);
    let e = &mut errors;
    let path = Path::new("spec");
    let (new_spec, old_spec) = (
        new.spec.clone().unwrap_or_default(),
        old.spec.clone().unwrap_or_default(),
    );
    let count = |it: &PodSpec| {
        [
            it.containers.len(),
            it.init_containers.as_ref().map_or(0, Vec::len),
        ]
    };
    for (at, field) in ["containers", "initContainers"].into_iter().enumerate() {
        if count(&new_spec)[at] != count(&old_spec)[at] {
            let text = "pod updates may not add or remove containers";
            e.push(Error::forbidden(&path.child(field), text));
            return errors;
        }
    }
    if !active_deadline(
        e,
        &path.child("activeDeadlineSeconds"),
        &new_spec,
        &old_spec,
    ) {
        return errors;
    }
    tolerations(e, &path.child("tolerations"), &new_spec, &old_spec);
    gates(e, &path.child("schedulingGates"), &new_spec, &old_spec);
    let mut rest = new_spec.clone();
    put_back(&mut rest, &old_spec);
    if old_spec.scheduling_gates.iter().flatten().next().is_some() {
        gated(e, &path, &mut rest, &old_spec);
    }
    if rest != old_spec {
        let [before, after] = [&old_spec, &rest].map(|spec| Pod {
            spec: Some(spec.clone()),
            ..Default::default()
        });
        let changes = internal::difference("PodSpec", &before, &after);
        let text = format!("{FROZEN}\n{changes}");
        e.push(Error::forbidden(&path, &text));
    }
    errors
}

/// Errors of the pod as it would be, and of annotations that may not change.
pub(super) fn well_formed(new: &Pod, old: &Pod) -> ErrorList {
    let mut errors = pod_spec::metadata_and_spec(new);
    let path = Path::new("metadata").child("annotations");
    pod_spec::annotation_changes(&mut errors, &path, &new.metadata, &old.metadata);
    errors
}

/// Makes equal what may differ.
fn put_back(new: &mut PodSpec, old: &PodSpec) {
    new.active_deadline_seconds = old.active_deadline_seconds;
    new.tolerations.clone_from(&old.tolerations);
    new.scheduling_gates.clone_from(&old.scheduling_gates);
    let grace = old.termination_grace_period_seconds;
    if grace.is_some_and(|it| it < 0) && new.termination_grace_period_seconds == Some(1) {
        new.termination_grace_period_seconds = grace;
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

/// Tells whether it is worth looking further.
fn active_deadline(e: &mut ErrorList, path: &Path, new: &PodSpec, old: &PodSpec) -> bool {
    match (new.active_deadline_seconds, old.active_deadline_seconds) {
        (Some(new), _) if !(0..=i64::from(i32::MAX)).contains(&new) => {
            let text = format!("must be between 0 and {}, inclusive", i32::MAX);
            e.push(Error::invalid(path, new, &text));
            false
        }
        (Some(new), Some(old)) if new > old => {
            let text = "must be less than or equal to previous value";
            e.push(Error::invalid(path, new, text));
            false
        }
        (None, Some(_)) => {
            let text = "must not update from a positive integer to nil value";
            e.push(Error::invalid(path, serde_json::Value::Null, text));
            true
        }
        _ => true,
    }
}

fn tolerations(e: &mut ErrorList, path: &Path, new: &PodSpec, old: &PodSpec) {
    let bare = |spec: &PodSpec| {
        let mut list = spec.tolerations.clone().unwrap_or_default();
        list.iter_mut().for_each(|it| it.toleration_seconds = None);
        list
    };
    let (kept, before) = (bare(new), bare(old));
    if !before.iter().all(|it| kept.contains(it)) {
        let text = "existing toleration can not be modified except its tolerationSeconds";
        e.push(Error::forbidden(path, text));
    }
}

fn gates(e: &mut ErrorList, path: &Path, new: &PodSpec, old: &PodSpec) {
    let known = |name: &str| {
        old.scheduling_gates
            .iter()
            .flatten()
            .any(|it| it.name == name)
    };
    for (index, gate) in new.scheduling_gates.iter().flatten().enumerate() {
        if !known(&gate.name) {
            let text = format!(
                "only deletion is allowed, but found new scheduling gate '{}'",
                gate.name
            );
            e.push(Error::forbidden(&path.index(index).child("name"), &text));
        }
    }
}

/// A pod held back by gates may be steered to fewer nodes.
fn gated(e: &mut ErrorList, path: &Path, new: &mut PodSpec, old: &PodSpec) {
    let chosen = new.node_selector.clone().unwrap_or_default();
    let kept = |(key, value): (&String, &String)| chosen.get(key) == Some(value);
    if !old.node_selector.iter().flatten().all(kept) {
        let text = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        let at = path.child("nodeSelector");
        e.push(Error::invalid(&at, serde_json::json!(chosen), text));
    }
    new.node_selector.clone_from(&old.node_selector);
    let node = |spec: &PodSpec| {
        spec.affinity
            .as_ref()
            .and_then(|it| it.node_affinity.clone())
    };
    let at = path.child("affinity").child("nodeAffinity");
    node_affinity(e, &at, node(new).as_ref(), node(old).as_ref());
    let mut affinity = new.affinity.clone().unwrap_or_default();
    affinity.node_affinity = node(old);
    let bare = affinity == Affinity::default() && old.affinity.is_none();
    new.affinity = (!bare).then_some(affinity);
}

fn node_affinity(
    e: &mut ErrorList,
    path: &Path,
    new: Option<&NodeAffinity>,
    old: Option<&NodeAffinity>,
) {
    let terms = |it: Option<&NodeAffinity>| {
        let required = it.and_then(|it| {
            it.required_during_scheduling_ignored_during_execution
                .clone()
        });
        required
            .map(|it| it.node_selector_terms)
            .unwrap_or_default()
    };
    let (new, old) = (terms(new), terms(old));
    let path = path.child(REQUIRED).child("nodeSelectorTerms");
    let shown = |count: usize| serde_json::json!(format!("{count} terms"));
    if !old.is_empty() && old.len() != new.len() {
        let text = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        return e.push(Error::invalid(&path, shown(new.len()), text));
    }
    for (index, (new, old)) in new.iter().zip(&old).enumerate() {
        if !only_adds(new, old) {
            let text = "only additions are allowed (no mutations or deletions)";
            e.push(Error::invalid(&path.index(index), shown(1), text));
        }
    }
}

fn only_adds(new: &NodeSelectorTerm, old: &NodeSelectorTerm) -> bool {
    let lists = |it: &NodeSelectorTerm| {
        [it.match_expressions.clone(), it.match_fields.clone()].map(Option::unwrap_or_default)
    };
    let (new, old) = (lists(new), lists(old));
    let was_empty = old.iter().all(Vec::is_empty);
    let is_empty = new.iter().all(Vec::is_empty);
    (!was_empty || is_empty) && new.iter().zip(&old).all(|(new, old)| new.starts_with(old))
}

/// Errors of a change through `ephemeralcontainers`: they come, but never go or change.
pub(super) fn ephemeral(new: &Pod, old: &Pod) -> ErrorList {
    if pod_spec::is_mirror(&old.metadata) {
        let text = "static pods do not support ephemeral containers";
        return vec![Error::forbidden(&Path::new(check::NOTHING), text)];
    }
    let mut errors = well_formed(new, old);
    let path = Path::new("spec").child("ephemeralContainers");
    let list = |pod: &Pod| {
        let spec = pod.spec.as_ref();
        spec.and_then(|it| it.ephemeral_containers.clone())
            .unwrap_or_default()
    };
    let now = list(new);
    for before in list(old) {
        let what = match now.iter().find(|it| it.name == before.name) {
            None => "removed",
            Some(now) if *now != before => "changed",
            Some(_) => continue,
        };
        let text = format!(
            "existing ephemeral containers {:?} may not be {what}\n",
            before.name
        );
        errors.push(Error::forbidden(&path, &text));
    }
    errors
}

/// Errors of a change through some subresource.
pub(super) fn through(subresource: &str, new: &Pod, old: &Pod) -> ErrorList {
    match subresource {
        "ephemeralcontainers" => ephemeral(new, old),
        "resize" => super::resize::validate(new, old),
        _ => super::status::validate(new, old),
    }
}
