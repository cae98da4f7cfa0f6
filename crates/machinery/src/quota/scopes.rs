//! Which objects a quota's scopes select.

use crate::pods;
use api::AnyObject;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, Pod, PodAffinityTerm, ResourceQuotaSpec,
    ScopedResourceSelectorRequirement as Requirement, WeightedPodAffinityTerm,
};
use std::collections::BTreeSet;

/// Whether every scope of the quota selects the object.
pub(super) fn select(spec: &ResourceQuotaSpec, object: &dyn AnyObject) -> bool {
    let bare = spec.scopes.iter().flatten().map(|name| Requirement {
        scope_name: name.clone(),
        operator: "Exists".to_owned(),
        values: None,
    });
    let selectors = spec.scope_selector.as_ref();
    let more = selectors.and_then(|it| it.match_expressions.clone());
    let mut all = bare.chain(more.into_iter().flatten());
    all.all(|scope| selects(&scope, object))
}

fn selects(scope: &Requirement, object: &dyn AnyObject) -> bool {
    if let Some(pod) = object.downcast_ref::<Pod>() {
        return selects_pod(scope, pod);
    }
    match object.downcast_ref::<PersistentVolumeClaim>() {
        Some(claim) if scope.scope_name == "VolumeAttributesClass" => {
            matches(scope, &attribute_classes(claim))
        }
        _ => false,
    }
}

fn selects_pod(scope: &Requirement, pod: &Pod) -> bool {
    let spec = pod.spec.as_ref();
    let ends = spec
        .and_then(|it| it.active_deadline_seconds)
        .is_some_and(|it| it >= 0);
    let best_effort = || pods::qos_class(pod) == pods::BEST_EFFORT;
    match scope.scope_name.as_str() {
        "Terminating" => ends,
        "NotTerminating" => !ends,
        "BestEffort" => best_effort(),
        "NotBestEffort" => !best_effort(),
        "PriorityClass" => {
            let class = spec.and_then(|it| it.priority_class_name.as_deref());
            matches(
                scope,
                &class.filter(|it| !it.is_empty()).into_iter().collect(),
            )
        }
        "CrossNamespacePodAffinity" => reaches_other_namespaces(pod),
        _ => false,
    }
}

/// Upstream asks a label selector: what is absent is in no set.
fn matches(scope: &Requirement, values: &BTreeSet<&str>) -> bool {
    let listed = scope.values.clone().unwrap_or_default();
    let is_listed = |value: &&str| listed.iter().any(|it| it == value);
    match scope.operator.as_str() {
        "Exists" => !values.is_empty(),
        "DoesNotExist" => values.is_empty(),
        "In" => values.iter().any(is_listed),
        "NotIn" => values.is_empty() || !values.iter().all(is_listed),
        _ => false,
    }
}

fn reaches_other_namespaces(pod: &Pod) -> bool {
    let affinity = pod.spec.as_ref().and_then(|it| it.affinity.clone());
    let affinity = affinity.unwrap_or_default();
    let with = affinity.pod_affinity.unwrap_or_default();
    let without = affinity.pod_anti_affinity.unwrap_or_default();
    let required = [
        with.required_during_scheduling_ignored_during_execution,
        without.required_during_scheduling_ignored_during_execution,
    ];
    let preferred = [
        with.preferred_during_scheduling_ignored_during_execution,
        without.preferred_during_scheduling_ignored_during_execution,
    ];
    let reaches = |term: &PodAffinityTerm| {
        term.namespaces.as_ref().is_some_and(|it| !it.is_empty())
            || term.namespace_selector.is_some()
    };
    let weighs = |term: &WeightedPodAffinityTerm| reaches(&term.pod_affinity_term);
    required.iter().flatten().flatten().any(reaches)
        || preferred.iter().flatten().flatten().any(weighs)
}

/// Every class that the claim has, is to have or is being given.
fn attribute_classes(claim: &PersistentVolumeClaim) -> BTreeSet<&str> {
    let wanted = claim
        .spec
        .as_ref()
        .and_then(|it| it.volume_attributes_class_name.as_deref());
    let status = claim.status.as_ref();
    let current = status.and_then(|it| it.current_volume_attributes_class_name.as_deref());
    let next = status
        .and_then(|it| it.modify_volume_status.as_ref())
        .and_then(|it| it.target_volume_attributes_class_name.as_deref());
    let all = [wanted, current, next].into_iter().flatten();
    all.filter(|it| !it.is_empty()).collect()
}
