//! The pod of a DaemonSet for one node, and which nodes are to have one. Pure. Upstream:
//! `NodeShouldRunDaemonPod` and `daemonset_util.go`.

use crate::{controller_revisions, owned_pods};
use k8s_openapi::api::{
    apps::v1::DaemonSet,
    core::v1::{
        Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec, Toleration,
    },
};
use machinery::{node_selector, taints};

/// What a node is to a DaemonSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is to have a pod.
    Run,
    /// A pod that is there may stay.
    Stay,
    /// It is to have none.
    Never,
}

/// What `node` is to the set.
pub(super) fn fate(set: &DaemonSet, node: &Node) -> Fate {
    let Some(spec) = set.spec.as_ref().and_then(|it| it.template.spec.as_ref()) else {
        return Fate::Never;
    };
    let elsewhere = spec
        .node_name
        .as_deref()
        .is_some_and(|name| !name.is_empty() && Some(name) != node.metadata.name.as_deref());
    if elsewhere || !node_selector::allows(spec, node) {
        return Fate::Never;
    }
    let node_taints = node.spec.as_ref().and_then(|it| it.taints.as_deref());
    let node_taints = node_taints.unwrap_or_default();
    // As most nodes are: with nothing to tolerate, tolerations need not be made.
    if node_taints.is_empty() {
        return Fate::Run;
    }
    let tolerations = tolerations(spec);
    let bars = |effects: &[&str]| taints::untolerated(node_taints, &tolerations, effects).is_some();
    if bars(&[taints::NO_EXECUTE]) {
        Fate::Never
    } else if bars(&[taints::NO_SCHEDULE]) {
        Fate::Stay
    } else {
        Fate::Run
    }
}

/// The template's tolerations and those that every daemon has: it stays on nodes in trouble.
fn tolerations(spec: &PodSpec) -> Vec<Toleration> {
    let added = [
        ("not-ready", taints::NO_EXECUTE),
        ("unreachable", taints::NO_EXECUTE),
        ("disk-pressure", taints::NO_SCHEDULE),
        ("memory-pressure", taints::NO_SCHEDULE),
        ("pid-pressure", taints::NO_SCHEDULE),
        ("unschedulable", taints::NO_SCHEDULE),
        ("network-unavailable", taints::NO_SCHEDULE),
    ];
    let added = added
        .into_iter()
        .filter(|(key, _)| *key != "network-unavailable" || spec.host_network == Some(true));
    let mut all = spec.tolerations.clone().unwrap_or_default();
    for (key, effect) in added {
        let toleration = Toleration {
            key: Some(format!("node.kubernetes.io/{key}")),
            operator: Some("Exists".to_owned()),
            effect: Some(effect.to_owned()),
            ..Toleration::default()
        };
        all.retain(|it| it.key != toleration.key || it.effect != toleration.effect);
        all.push(toleration);
    }
    all
}

/// The set's pod for a node: of the present template, bound to the node by affinity, so that the
/// scheduler still judges it.
pub(super) fn new_pod(set: &DaemonSet, hash: &str, node: &str) -> Pod {
    let Some(spec) = &set.spec else {
        return Pod::default();
    };
    let mut pod = owned_pods::from_template(set, &spec.template);
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(controller_revisions::HASH.to_owned(), hash.to_owned());
    // Old clients tell templates apart by it.
    let generation =
        machinery::workloads::annotation(&set.metadata, "deprecated.daemonset.template.generation");
    if let Some(generation) = generation {
        labels.insert("pod-template-generation".to_owned(), generation.to_owned());
    }
    if let Some(spec) = &mut pod.spec {
        spec.tolerations = Some(tolerations(spec));
        let affinity = spec.affinity.get_or_insert_default();
        affinity
            .node_affinity
            .get_or_insert_default()
            .required_during_scheduling_ignored_during_execution = Some(NodeSelector {
            node_selector_terms: vec![NodeSelectorTerm {
                match_expressions: None,
                match_fields: Some(vec![NodeSelectorRequirement {
                    key: "metadata.name".to_owned(),
                    operator: "In".to_owned(),
                    values: Some(vec![node.to_owned()]),
                }]),
            }],
        });
    }
    pod
}

/// The node that a pod runs on, or that its affinity names.
pub(super) fn node_of(pod: &Pod) -> Option<&str> {
    let spec = pod.spec.as_ref()?;
    if let Some(name) = spec.node_name.as_deref().filter(|name| !name.is_empty()) {
        return Some(name);
    }
    let terms = &node_selector::required(spec)?.node_selector_terms;
    terms
        .iter()
        .flat_map(|term| term.match_fields.iter().flatten())
        .find(|it| it.key == "metadata.name" && it.operator == "In")
        .and_then(|it| Some(it.values.as_ref()?.first()?.as_str()))
}
