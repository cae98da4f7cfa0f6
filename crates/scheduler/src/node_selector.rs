//! The questions of [`machinery::node_selector`], asked of a node of the snapshot.

use crate::snapshot::NodeInfo;
use k8s_openapi::api::core::v1::{NodeSelectorTerm, PodSpec};
use machinery::node_selector;

/// Whether the pod's required node selection allows the node.
pub(crate) fn allows(spec: &PodSpec, node: &NodeInfo) -> bool {
    node.node
        .as_ref()
        .is_some_and(|node| node_selector::allows(spec, node))
}

/// Whether a term selects the node; a term that says nothing selects none.
pub(crate) fn matches(term: &NodeSelectorTerm, node: &NodeInfo) -> bool {
    node.node
        .as_ref()
        .is_some_and(|node| node_selector::matches(term, node))
}

pub(crate) use node_selector::required;
