//! Node selectors: which nodes a pod's `nodeSelector` and node affinity allow. Upstream:
//! `component-helpers/scheduling/corev1/nodeaffinity`.

use crate::snapshot::NodeInfo;
use k8s_openapi::api::core::v1::{
    NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec,
};

/// Whether the pod's required node selection allows the node.
pub(crate) fn allows(spec: &PodSpec, node: &NodeInfo) -> bool {
    let plain = spec
        .node_selector
        .iter()
        .flatten()
        .all(|(key, value)| node.label(key) == Some(value));
    plain
        && required(spec).is_none_or(|selector| {
            selector
                .node_selector_terms
                .iter()
                .any(|term| matches(term, node))
        })
}

/// The required part of the pod's node affinity.
pub(crate) fn required(spec: &PodSpec) -> Option<&NodeSelector> {
    spec.affinity
        .as_ref()?
        .node_affinity
        .as_ref()?
        .required_during_scheduling_ignored_during_execution
        .as_ref()
}

/// Whether a term selects the node; a term that says nothing selects none.
pub(crate) fn matches(term: &NodeSelectorTerm, node: &NodeInfo) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    expressions
        .iter()
        .all(|requirement| meets(requirement, node.label(&requirement.key)))
        && fields.iter().all(|requirement| {
            requirement.key == "metadata.name" && meets(requirement, Some(node.name()))
        })
}

fn meets(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let listed = || {
        let values = requirement.values.as_deref().unwrap_or_default();
        value.is_some_and(|value| values.iter().any(|listed| listed == value))
    };
    let compared = |holds: fn(i64, i64) -> bool| {
        let bound = requirement
            .values
            .as_deref()
            .and_then(|values| values.first()?.parse().ok());
        let value = value.and_then(|value| value.parse().ok());
        bound
            .zip(value)
            .is_some_and(|(bound, value)| holds(value, bound))
    };
    match requirement.operator.as_str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared(|value, bound| value > bound),
        "Lt" => compared(|value, bound| value < bound),
        _ => false,
    }
}
