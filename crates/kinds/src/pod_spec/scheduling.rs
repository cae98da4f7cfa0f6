//! Errors of what steers scheduling: tolerations, gates, affinity, spreading.

mod spread;

pub(super) use spread::spread;

use crate::{check, ratchet};
use k8s_openapi::{
    api::core::v1::{
        Affinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm,
        PodSpec, Toleration, WeightedPodAffinityTerm,
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use machinery::{
    field::{Error, ErrorList, Path},
    labels, names,
};
use std::collections::BTreeSet;

const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];
const OPERATORS: &[&str] = &["Equal", "Exists"];
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Errors of `readinessGates` and `schedulingGates`.
pub(super) fn gates(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    for (index, gate) in spec.readiness_gates.iter().flatten().enumerate() {
        let path = path
            .child("readinessGates")
            .index(index)
            .child("conditionType");
        let kind = &gate.condition_type;
        check::messages(e, &path, kind, names::qualified_name_errors(kind));
    }
    let mut taken = BTreeSet::new();
    for (index, gate) in spec.scheduling_gates.iter().flatten().enumerate() {
        let path = path.child("schedulingGates").index(index);
        let name = &gate.name;
        check::messages(e, &path, name, names::qualified_name_errors(name));
        if !taken.insert(name) {
            e.push(Error::duplicate(&path, name));
        }
    }
}

/// Errors of `tolerations`.
pub(crate) fn tolerations(e: &mut ErrorList, path: &Path, list: &[Toleration]) {
    for (index, it) in list.iter().enumerate() {
        toleration(e, &path.index(index), it);
    }
}

fn toleration(e: &mut ErrorList, path: &Path, it: &Toleration) {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (key, operator, value, effect) = (
        text(&it.key),
        text(&it.operator),
        text(&it.value),
        text(&it.effect),
    );
    let at = path.child("operator");
    if !key.is_empty() {
        check::messages(
            e,
            &path.child("key"),
            &key,
            names::qualified_name_errors(&key),
        );
    } else if operator != "Exists" {
        let text = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        e.push(Error::invalid(&at, &operator, text));
    }
    if it.toleration_seconds.is_some() && effect != "NoExecute" {
        let text = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        e.push(Error::invalid(&path.child("effect"), &effect, text));
    }
    match operator.as_str() {
        "" | "Equal" => {
            let wrong = names::label_value_errors(&value);
            if !wrong.is_empty() {
                e.push(Error::invalid(&at, &value, &wrong.join(";")));
            }
        }
        "Exists" if !value.is_empty() => {
            let text = "value must be empty when `operator` is 'Exists'";
            e.push(Error::invalid(&at, &value, text));
        }
        "Exists" => {}
        other => e.push(Error::not_supported(&at, other, OPERATORS)),
    }
    if !effect.is_empty() && !EFFECTS.contains(&effect.as_str()) {
        let at = path.child("effect");
        e.push(Error::not_supported(&at, &effect, EFFECTS));
    }
}

/// Errors of `affinity`.
pub(super) fn affinity(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let Some(affinity) = &spec.affinity else {
        return;
    };
    if let Some(node) = &affinity.node_affinity {
        let path = path.child("nodeAffinity");
        if let Some(it) = &node.required_during_scheduling_ignored_during_execution {
            node_selector(e, &path.child(REQUIRED), it);
        }
        let preferred = node
            .preferred_during_scheduling_ignored_during_execution
            .iter();
        for (index, it) in preferred.flatten().enumerate() {
            let path = path.child(PREFERRED).index(index);
            weight(e, &path, it.weight);
            node_term(e, &path.child("preference"), &it.preference, false);
        }
    }
    for (field, required, preferred) in pod_affinities(affinity) {
        let path = path.child(field);
        for (index, term) in required.iter().enumerate() {
            pod_term(e, &path.child(REQUIRED).index(index), term);
        }
        for (index, it) in preferred.iter().enumerate() {
            let path = path.child(PREFERRED).index(index);
            weight(e, &path, it.weight);
            pod_term(e, &path.child("podAffinityTerm"), &it.pod_affinity_term);
        }
    }
}

/// The terms of `podAffinity` and `podAntiAffinity`.
type PodAffinities<'a> = (
    &'static str,
    &'a [PodAffinityTerm],
    &'a [WeightedPodAffinityTerm],
);

/// Both sorts of affinity between pods, which have the same shape.
pub(super) fn pod_affinities(affinity: &Affinity) -> Vec<PodAffinities<'_>> {
    let to = affinity.pod_affinity.as_ref().map(|it| {
        (
            "podAffinity",
            it.required_during_scheduling_ignored_during_execution
                .as_deref(),
            it.preferred_during_scheduling_ignored_during_execution
                .as_deref(),
        )
    });
    let from = affinity.pod_anti_affinity.as_ref().map(|it| {
        (
            "podAntiAffinity",
            it.required_during_scheduling_ignored_during_execution
                .as_deref(),
            it.preferred_during_scheduling_ignored_during_execution
                .as_deref(),
        )
    });
    let both = to.into_iter().chain(from);
    both.map(|it| (it.0, it.1.unwrap_or_default(), it.2.unwrap_or_default()))
        .collect()
}

fn weight(e: &mut ErrorList, path: &Path, weight: i32) {
    if !(1..=100).contains(&weight) {
        let path = path.child("weight");
        e.push(Error::invalid(&path, weight, "must be in the range 1-100"));
    }
}

fn pod_term(e: &mut ErrorList, path: &Path, term: &PodAffinityTerm) {
    for (field, selector) in [
        ("labelSelector", &term.label_selector),
        ("namespaceSelector", &term.namespace_selector),
    ] {
        if let Some(selector) = selector {
            e.extend(labels::validate(selector, &path.child(field)));
        }
    }
    for name in term.namespaces.iter().flatten() {
        check::messages(e, &path.child("namespace"), name, names::label_errors(name));
    }
    let matched = term.match_label_keys.as_deref().unwrap_or_default();
    let mismatched = term.mismatch_label_keys.as_deref().unwrap_or_default();
    let selector = term.label_selector.as_ref();
    label_keys(e, &path.child("matchLabelKeys"), matched, selector);
    label_keys(e, &path.child("mismatchLabelKeys"), mismatched, selector);
    for (index, key) in doubled(matched, selector) {
        let text = "exists in both matchLabelKeys and labelSelector";
        e.push(Error::invalid(&path.index(index), key, text));
    }
    for (index, key) in matched.iter().enumerate() {
        if mismatched.contains(key) {
            let path = path.child("matchLabelKeys").index(index);
            let text = "exists in both matchLabelKeys and mismatchLabelKeys";
            e.push(Error::invalid(&path, key, text));
        }
    }
    let (at, key) = (path.child("topologyKey"), &term.topology_key);
    if key.is_empty() {
        e.push(Error::required(&at, "can not be empty"));
    }
    check::messages(e, &at, key, names::qualified_name_errors(key));
}

fn label_keys(e: &mut ErrorList, path: &Path, keys: &[String], selector: Option<&LabelSelector>) {
    if !keys.is_empty() && selector.is_none() {
        let text = "must not be specified when labelSelector is not set";
        return e.push(Error::forbidden(path, text));
    }
    for (index, key) in keys.iter().enumerate() {
        check::messages(
            e,
            &path.index(index),
            key,
            names::qualified_name_errors(key),
        );
    }
}

/// Keys whose value the door merged into the selector although the selector names them by itself.
fn doubled<'a>(keys: &'a [String], selector: Option<&LabelSelector>) -> Vec<(usize, &'a String)> {
    let selector = selector.cloned().unwrap_or_default();
    let mut seen: BTreeSet<String> = selector
        .match_labels
        .unwrap_or_default()
        .into_keys()
        .collect();
    let mut found = Vec::new();
    for it in selector.match_expressions.unwrap_or_default() {
        let at = keys.iter().position(|key| *key == it.key);
        found.extend(
            at.filter(|_| seen.contains(&it.key))
                .map(|at| (at, &keys[at])),
        );
        seen.insert(it.key);
    }
    found
}

/// Errors of a node selector.
pub(crate) fn node_selector(e: &mut ErrorList, path: &Path, it: &NodeSelector) {
    let path = path.child("nodeSelectorTerms");
    if it.node_selector_terms.is_empty() {
        let text = "must have at least one node selector term";
        e.push(Error::required(&path, text));
    }
    for (index, term) in it.node_selector_terms.iter().enumerate() {
        node_term(e, &path.index(index), term, true);
    }
}

/// A preference may name values that no label can have; a demand may not.
fn node_term(e: &mut ErrorList, path: &Path, term: &NodeSelectorTerm, strict: bool) {
    for (index, it) in term.match_expressions.iter().flatten().enumerate() {
        node_requirement(e, &path.child("matchExpressions").index(index), it, strict);
    }
    for (index, it) in term.match_fields.iter().flatten().enumerate() {
        node_field(e, &path.child("matchFields").index(index), it);
    }
}

fn node_requirement(e: &mut ErrorList, path: &Path, it: &NodeSelectorRequirement, strict: bool) {
    let values = it.values.as_deref().unwrap_or_default();
    let at = path.child("values");
    match it.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            let text = "must be specified when `operator` is 'In' or 'NotIn'";
            e.push(Error::required(&at, text));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            e.push(Error::forbidden(&at, text));
        }
        "Gt" | "Lt" if values.len() != 1 => {
            let text = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            e.push(Error::required(&at, text));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => e.push(Error::invalid(
            &path.child("operator"),
            other,
            "not a valid selector operator",
        )),
    }
    let wrong = names::qualified_name_errors(&it.key);
    check::messages(e, &path.child("key"), &it.key, wrong);
    ratchet::late(e, "AllowInvalidLabelValueInRequiredNodeAffinity", |e| {
        for (index, value) in values.iter().enumerate().filter(|_| strict) {
            check::messages(e, &at.index(index), value, names::label_value_errors(value));
        }
    });
}

fn node_field(e: &mut ErrorList, path: &Path, it: &NodeSelectorRequirement) {
    let values = it.values.as_deref().unwrap_or_default();
    match it.operator.as_str() {
        "In" | "NotIn" if values.len() != 1 => {
            let text =
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            e.push(Error::required(&path.child("values"), text));
        }
        "In" | "NotIn" => {}
        other => e.push(Error::invalid(
            &path.child("operator"),
            other,
            "not a valid selector operator",
        )),
    }
    if it.key != "metadata.name" {
        let text = "not a valid field selector key";
        return e.push(Error::invalid(&path.child("key"), &it.key, text));
    }
    for (index, value) in values.iter().enumerate() {
        let path = path.child("values").index(index);
        check::messages(e, &path, value, names::subdomain_errors(value));
    }
}
