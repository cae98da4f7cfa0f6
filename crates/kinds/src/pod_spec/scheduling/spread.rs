//! Errors of `topologySpreadConstraints`.

use crate::{check, ratchet};
use k8s_openapi::api::core::v1::{PodSpec, TopologySpreadConstraint};
use machinery::{
    field::{Error, ErrorList, Path},
    labels, names,
};

const POSITIVE: &str = "must be greater than zero";
const ACTIONS: &[&str] = &["DoNotSchedule", "ScheduleAnyway"];
const NODE_POLICIES: &[&str] = &["Honor", "Ignore"];

/// Errors of `topologySpreadConstraints`.
pub(in crate::pod_spec) fn spread(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let list = spec
        .topology_spread_constraints
        .as_deref()
        .unwrap_or_default();
    for (index, it) in list.iter().enumerate() {
        let path = path.index(index);
        one(e, &path, it);
        let same = |other: &&TopologySpreadConstraint| {
            other.topology_key == it.topology_key
                && other.when_unsatisfiable == it.when_unsatisfiable
        };
        if list[index + 1..].iter().any(|other| same(&other)) {
            let shown = format!("{{{}, {}}}", it.topology_key, it.when_unsatisfiable);
            let path = path.child("{topologyKey, whenUnsatisfiable}");
            e.push(Error::duplicate(&path, shown));
        }
        domains(e, &path.child("minDomains"), it);
        let policies = [
            ("nodeAffinityPolicy", &it.node_affinity_policy),
            ("nodeTaintsPolicy", &it.node_taints_policy),
        ];
        for (field, policy) in policies {
            if let Some(policy) = policy.as_deref().filter(|it| !NODE_POLICIES.contains(it)) {
                let path = path.child(field);
                e.push(Error::not_supported(&path, policy, NODE_POLICIES));
            }
        }
        ratchet::late(e, "OldPodViolatesMatchLabelKeysValidation", |e| {
            label_keys(e, &path.child("matchLabelKeys"), it);
        });
        ratchet::late(
            e,
            "AllowInvalidTopologySpreadConstraintLabelSelector",
            |e| {
                let selector = it.label_selector.iter();
                e.extend(
                    selector.flat_map(|it| labels::validate(it, &path.child("labelSelector"))),
                );
            },
        );
    }
}

fn one(e: &mut ErrorList, path: &Path, it: &TopologySpreadConstraint) {
    if it.max_skew <= 0 {
        e.push(Error::invalid(
            &path.child("maxSkew"),
            it.max_skew,
            POSITIVE,
        ));
    }
    if it.topology_key.is_empty() {
        let path = path.child("topologyKey");
        e.push(Error::required(&path, "can not be empty"));
    }
    let action = it.when_unsatisfiable.as_str();
    if !ACTIONS.contains(&action) {
        let path = path.child("whenUnsatisfiable");
        e.push(Error::not_supported(&path, action, ACTIONS));
    }
}

fn domains(e: &mut ErrorList, path: &Path, it: &TopologySpreadConstraint) {
    let Some(count) = it.min_domains else { return };
    if count <= 0 {
        e.push(Error::invalid(path, count, POSITIVE));
    }
    if it.when_unsatisfiable != "DoNotSchedule" {
        let text = format!(
            "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {}",
            it.when_unsatisfiable
        );
        e.push(Error::invalid(path, count, &text));
    }
}

fn label_keys(e: &mut ErrorList, path: &Path, it: &TopologySpreadConstraint) {
    let keys = it.match_label_keys.as_deref().unwrap_or_default();
    let selector = it.label_selector.as_ref();
    if !keys.is_empty() && selector.is_none() {
        let text = "must not be specified when labelSelector is not set";
        e.push(Error::forbidden(path, text));
    }
    for (index, key) in keys.iter().enumerate() {
        check::messages(
            e,
            &path.index(index),
            key,
            names::qualified_name_errors(key),
        );
    }
    for (index, key) in super::doubled(keys, selector) {
        let text = "exists in both matchLabelKeys and labelSelector";
        e.push(Error::invalid(&path.index(index), key, text));
    }
}
