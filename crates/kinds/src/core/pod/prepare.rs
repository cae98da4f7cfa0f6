//! What the door does to a pod before it is judged: upstream's pod `strategy.go`, `PrepareForCreate` and
//! its siblings of the subresources.

use crate::{Context, pod_spec::validate::APPARMOR, prepare};
use k8s_openapi::{
    api::core::v1::{
        AppArmorProfile, Container, Pod, PodAffinityTerm, PodCondition, PodSpec, PodStatus,
        SecurityContext, WeightedPodAffinityTerm,
    },
    apimachinery::pkg::apis::meta::v1::{
        LabelSelector, LabelSelectorRequirement, ObjectMeta, Time,
    },
};
use std::collections::BTreeMap;

type Labels = BTreeMap<String, String>;

/// A new pod is pending, its selectors know its labels, and old annotations have become fields.
pub(super) fn for_create(context: &Context<'_>, pod: &mut Pod) {
    prepare::first_generation(&mut pod.metadata);
    let gates = pod
        .spec
        .as_ref()
        .and_then(|it| it.scheduling_gates.as_ref());
    let gated = gates.is_some_and(|it| !it.is_empty());
    pod.status = Some(PodStatus {
        phase: Some("Pending".to_owned()),
        qos_class: Some(machinery::pods::qos_class(pod).to_owned()),
        conditions: gated.then(|| vec![held_back(context)]),
        ..Default::default()
    });
    if let Some(spec) = &mut pod.spec {
        if let Some(labels) = &pod.metadata.labels {
            select_own_labels(spec, labels);
        }
        apparmor(spec, &pod.metadata);
    }
}

fn held_back(context: &Context<'_>) -> PodCondition {
    PodCondition {
        type_: "PodScheduled".to_owned(),
        status: "False".to_owned(),
        reason: Some("SchedulingGated".to_owned()),
        message: Some("Scheduling is blocked due to non-empty scheduling gates".to_owned()),
        last_transition_time: Some(Time(context.now)),
        ..Default::default()
    }
}

/// `matchLabelKeys` and `mismatchLabelKeys` stand for the pod's own values of these labels.
fn select_own_labels(spec: &mut PodSpec, labels: &Labels) {
    if let Some(affinity) = &mut spec.affinity {
        let to = affinity.pod_affinity.iter_mut().flat_map(|it| {
            terms(
                &mut it.preferred_during_scheduling_ignored_during_execution,
                &mut it.required_during_scheduling_ignored_during_execution,
            )
        });
        let from = affinity.pod_anti_affinity.iter_mut().flat_map(|it| {
            terms(
                &mut it.preferred_during_scheduling_ignored_during_execution,
                &mut it.required_during_scheduling_ignored_during_execution,
            )
        });
        to.chain(from).for_each(|term| term_labels(term, labels));
    }
    for it in spec.topology_spread_constraints.iter_mut().flatten() {
        if let Some(selector) = &mut it.label_selector {
            let keys = it.match_label_keys.as_deref().unwrap_or_default();
            merge(selector, keys, "In", labels);
        }
    }
}

fn terms<'a>(
    preferred: &'a mut Option<Vec<WeightedPodAffinityTerm>>,
    required: &'a mut Option<Vec<PodAffinityTerm>>,
) -> impl Iterator<Item = &'a mut PodAffinityTerm> {
    let preferred = preferred.iter_mut().flatten();
    let preferred = preferred.map(|it| &mut it.pod_affinity_term);
    preferred.chain(required.iter_mut().flatten())
}

fn term_labels(term: &mut PodAffinityTerm, labels: &Labels) {
    if let Some(selector) = &mut term.label_selector {
        let keys = term.match_label_keys.as_deref().unwrap_or_default();
        merge(selector, keys, "In", labels);
        let keys = term.mismatch_label_keys.as_deref().unwrap_or_default();
        merge(selector, keys, "NotIn", labels);
    }
}

fn merge(selector: &mut LabelSelector, keys: &[String], operator: &str, labels: &Labels) {
    for (key, value) in keys.iter().filter_map(|key| labels.get_key_value(key)) {
        let expressions = selector.match_expressions.get_or_insert_default();
        expressions.push(LabelSelectorRequirement {
            key: key.clone(),
            operator: operator.to_owned(),
            values: Some(vec![value.clone()]),
        });
    }
}

/// What an AppArmor annotation says becomes the container's field, unless the field says something.
fn apparmor(spec: &mut PodSpec, metadata: &ObjectMeta) {
    if spec.os.as_ref().is_some_and(|it| it.name == "windows") {
        return;
    }
    let own = spec
        .security_context
        .as_ref()
        .and_then(|it| it.app_armor_profile.clone());
    let init = spec.init_containers.iter_mut().flatten();
    for Container {
        name,
        security_context,
        ..
    } in init.chain(&mut spec.containers)
    {
        let annotations = metadata.annotations.as_ref();
        let said = annotations.and_then(|it| it.get(&format!("{APPARMOR}{name}")));
        let field = security_context
            .as_ref()
            .and_then(|it| it.app_armor_profile.as_ref());
        let profile = said.filter(|_| field.is_none()).and_then(|it| profile(it));
        if profile.is_some() && profile != own {
            let context = security_context.get_or_insert_with(SecurityContext::default);
            context.app_armor_profile = profile;
        }
    }
}

fn profile(said: &str) -> Option<AppArmorProfile> {
    let (kind, local) = match (said, said.strip_prefix("localhost/")) {
        ("unconfined", _) => ("Unconfined", None),
        ("runtime/default", _) => ("RuntimeDefault", None),
        (_, Some(local)) if !local.trim().is_empty() => ("Localhost", Some(local.to_owned())),
        _ => return None,
    };
    Some(AppArmorProfile {
        type_: kind.to_owned(),
        localhost_profile: local,
    })
}

/// Takes from `new` only what the subresource may change.
pub(super) fn for_subresource(subresource: &str, new: &mut Pod, old: &Pod) {
    match subresource {
        "status" => return status(new, old),
        "resize" if !same_containers(new, old) => {}
        _ => {
            let asked = std::mem::replace(new, old.clone());
            new.metadata.resource_version = asked.metadata.resource_version;
            new.metadata.managed_fields = asked.metadata.managed_fields;
            if let (Some(asked), Some(spec)) = (asked.spec, &mut new.spec) {
                match subresource {
                    "ephemeralcontainers" => spec.ephemeral_containers = asked.ephemeral_containers,
                    _ => resize(spec, asked),
                }
            }
        }
    }
    let changed = new.spec != old.spec;
    prepare::next_generation(&mut new.metadata, &old.metadata, changed);
}

fn same_containers(new: &Pod, old: &Pod) -> bool {
    let names = |pod: &Pod| -> Vec<Vec<String>> {
        let lists = pod
            .spec
            .iter()
            .flat_map(|spec| [Some(&spec.containers), spec.init_containers.as_ref()]);
        lists
            .map(|it| it.into_iter().flatten().map(|it| it.name.clone()).collect())
            .collect()
    };
    names(new) == names(old)
}

fn resize(spec: &mut PodSpec, asked: PodSpec) {
    spec.resources = asked.resources;
    let asked_init = asked.init_containers.into_iter().flatten();
    let init = spec.init_containers.iter_mut().flatten().zip(asked_init);
    for (own, asked) in init.chain(spec.containers.iter_mut().zip(asked.containers)) {
        own.resources = asked.resources;
        own.resize_policy = asked.resize_policy;
    }
}

fn status(new: &mut Pod, old: &Pod) {
    new.spec.clone_from(&old.spec);
    let metadata = &mut new.metadata;
    metadata
        .owner_references
        .clone_from(&old.metadata.owner_references);
    metadata
        .deletion_timestamp
        .clone_from(&old.metadata.deletion_timestamp);
    metadata.generation = old.metadata.generation;
    let before = old.status.clone().unwrap_or_default();
    let status = new.status.get_or_insert_default();
    if status.qos_class.as_ref().is_none_or(String::is_empty) {
        status.qos_class = before.qos_class;
    }
    let seen = |it: Option<i64>| it.is_some_and(|it| it != 0);
    if !seen(status.observed_generation) {
        status.observed_generation = before.observed_generation;
    }
    // Older kubelets do not know the field, and there may be several conditions of one type.
    let mut known = before.conditions.unwrap_or_default();
    for condition in status.conditions.iter_mut().flatten() {
        let at = known.iter().position(|it| it.type_ == condition.type_);
        let before = at.map(|at| known.remove(at));
        if !seen(condition.observed_generation) {
            condition.observed_generation = before.and_then(|it| it.observed_generation);
        }
    }
}
