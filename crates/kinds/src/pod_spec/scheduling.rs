//! Errors of what steers scheduling: tolerations, affinity, spreading, gates.

use crate::check;
use k8s_openapi::api::core::v1::{
    NodeSelectorTerm, PodAffinityTerm, PodSpec, Toleration, WeightedPodAffinityTerm,
};
use machinery::{
    field::{Error, ErrorList, Path},
    labels, names,
};
use std::collections::BTreeSet;

const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];
const OPERATORS: &[&str] = &["Equal", "Exists"];
const NODE_OPERATORS: &[&str] = &["DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn"];

/// Errors of a spec's scheduling fields.
pub(super) fn validate(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    for (index, it) in spec.tolerations.iter().flatten().enumerate() {
        toleration(e, &path.child("tolerations").index(index), it);
    }
    let mut taken = BTreeSet::new();
    for (index, gate) in spec.scheduling_gates.iter().flatten().enumerate() {
        let path = path.child("schedulingGates").index(index);
        check::messages(
            e,
            &path,
            &gate.name,
            names::qualified_name_errors(&gate.name),
        );
        if !taken.insert(&gate.name) {
            e.push(Error::duplicate(&path, &gate.name));
        }
    }
    for (index, gate) in spec.readiness_gates.iter().flatten().enumerate() {
        let path = path
            .child("readinessGates")
            .index(index)
            .child("conditionType");
        check::messages(
            e,
            &path,
            &gate.condition_type,
            names::qualified_name_errors(&gate.condition_type),
        );
    }
    spread(e, &path.child("topologySpreadConstraints"), spec);
    affinity(e, &path.child("affinity"), spec);
}

fn toleration(e: &mut ErrorList, path: &Path, it: &Toleration) {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let (key, operator, value, effect) = (
        text(&it.key),
        text(&it.operator),
        text(&it.value),
        text(&it.effect),
    );
    if !key.is_empty() {
        check::messages(
            e,
            &path.child("key"),
            &key,
            names::qualified_name_errors(&key),
        );
    } else if operator != "Exists" {
        let text = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        e.push(Error::invalid(&path.child("operator"), &operator, text));
    }
    if it.toleration_seconds.is_some() && effect != "NoExecute" {
        e.push(Error::invalid(
            &path.child("effect"),
            &effect,
            "effect must be 'NoExecute' when `tolerationSeconds` is set",
        ));
    }
    match operator.as_str() {
        "" | "Equal" => check::messages(
            e,
            &path.child("operator"),
            &value,
            names::label_value_errors(&value),
        ),
        "Exists" if !value.is_empty() => {
            e.push(Error::invalid(
                &path.child("operator"),
                &value,
                "value must be empty when `operator` is 'Exists'",
            ));
        }
        "Exists" => {}
        other => e.push(Error::not_supported(
            &path.child("operator"),
            other,
            OPERATORS,
        )),
    }
    if !effect.is_empty() && !EFFECTS.contains(&effect.as_str()) {
        e.push(Error::not_supported(
            &path.child("effect"),
            &effect,
            EFFECTS,
        ));
    }
}

fn spread(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    for (index, it) in spec
        .topology_spread_constraints
        .iter()
        .flatten()
        .enumerate()
    {
        let path = path.index(index);
        if it.max_skew <= 0 {
            e.push(Error::invalid(
                &path.child("maxSkew"),
                it.max_skew,
                "must be greater than zero",
            ));
        }
        topology_key(e, &path, &it.topology_key);
        let list = &["DoNotSchedule", "ScheduleAnyway"];
        let action = Some(&it.when_unsatisfiable);
        check::one_of(e, &path.child("whenUnsatisfiable"), action, list);
        if let Some(selector) = &it.label_selector {
            e.extend(labels::validate(selector, &path.child("labelSelector")));
        }
    }
}

fn affinity(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
    let Some(affinity) = &spec.affinity else {
        return;
    };
    if let Some(node) = &affinity.node_affinity {
        let path = path.child("nodeAffinity");
        if let Some(selector) = &node.required_during_scheduling_ignored_during_execution {
            let path = path.child(REQUIRED).child("nodeSelectorTerms");
            if selector.node_selector_terms.is_empty() {
                e.push(Error::required(
                    &path,
                    "must have at least one node selector term",
                ));
            }
            for (index, term) in selector.node_selector_terms.iter().enumerate() {
                node_term(e, &path.index(index), term);
            }
        }
        for (index, it) in node
            .preferred_during_scheduling_ignored_during_execution
            .iter()
            .flatten()
            .enumerate()
        {
            let path = path.child(PREFERRED).index(index);
            weight(e, &path, it.weight);
            node_term(e, &path.child("preference"), &it.preference);
        }
    }
    let pod = affinity.pod_affinity.as_ref().map(|it| {
        (
            "podAffinity",
            &it.required_during_scheduling_ignored_during_execution,
            &it.preferred_during_scheduling_ignored_during_execution,
        )
    });
    let anti = affinity.pod_anti_affinity.as_ref().map(|it| {
        (
            "podAntiAffinity",
            &it.required_during_scheduling_ignored_during_execution,
            &it.preferred_during_scheduling_ignored_during_execution,
        )
    });
    for (field, required, preferred) in pod.into_iter().chain(anti) {
        let path = path.child(field);
        for (index, term) in required.iter().flatten().enumerate() {
            pod_term(e, &path.child(REQUIRED).index(index), term);
        }
        for (
            index,
            WeightedPodAffinityTerm {
                pod_affinity_term,
                weight: it,
            },
        ) in preferred.iter().flatten().enumerate()
        {
            let path = path.child(PREFERRED).index(index);
            weight(e, &path, *it);
            pod_term(e, &path.child("podAffinityTerm"), pod_affinity_term);
        }
    }
}

fn weight(e: &mut ErrorList, path: &Path, weight: i32) {
    if !(1..=100).contains(&weight) {
        e.push(Error::invalid(
            &path.child("weight"),
            weight,
            "must be in the range 1-100",
        ));
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
    for (index, name) in term.namespaces.iter().flatten().enumerate() {
        check::messages(
            e,
            &path.child("namespaces").index(index),
            name,
            names::label_errors(name),
        );
    }
    if term.topology_key.is_empty() {
        e.push(Error::required(
            &path.child("topologyKey"),
            "can not be empty",
        ));
    } else {
        topology_key(e, path, &term.topology_key);
    }
}

fn topology_key(e: &mut ErrorList, path: &Path, key: &str) {
    let path = path.child("topologyKey");
    if key.is_empty() {
        e.push(Error::required(&path, "can not be empty"));
    } else {
        check::messages(e, &path, key, names::qualified_name_errors(key));
    }
}

fn node_term(e: &mut ErrorList, path: &Path, term: &NodeSelectorTerm) {
    for (index, it) in term.match_expressions.iter().flatten().enumerate() {
        let path = path.child("matchExpressions").index(index);
        let count = it.values.as_ref().map_or(0, Vec::len);
        match it.operator.as_str() {
            "In" | "NotIn" if count == 0 => e.push(Error::required(
                &path.child("values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            )),
            "Exists" | "DoesNotExist" if count > 0 => e.push(Error::forbidden(
                &path.child("values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            )),
            "Gt" | "Lt" if count != 1 => e.push(Error::required(
                &path.child("values"),
                "must be specified single value when `operator` is 'Lt' or 'Gt'",
            )),
            operator if !NODE_OPERATORS.contains(&operator) => e.push(Error::invalid(
                &path.child("operator"),
                operator,
                "not a valid selector operator",
            )),
            _ => {}
        }
        check::messages(
            e,
            &path.child("key"),
            &it.key,
            names::qualified_name_errors(&it.key),
        );
    }
}
