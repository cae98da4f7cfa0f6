//! Node selectors: which nodes a pod's `nodeSelector` and node affinity allow. Upstream:
//! `component-helpers/scheduling/corev1/nodeaffinity`.

use k8s_openapi::api::core::v1::{
    Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec,
};

/// Whether the pod's required node selection allows the node.
#[must_use]
pub fn allows(spec: &PodSpec, node: &Node) -> bool {
    let plain = spec
        .node_selector
        .iter()
        .flatten()
        .all(|(key, value)| label(node, key) == Some(value));
    plain
        && required(spec).is_none_or(|selector| {
            selector
                .node_selector_terms
                .iter()
                .any(|term| matches(term, node))
        })
}

/// The required part of the pod's node affinity.
#[must_use]
pub fn required(spec: &PodSpec) -> Option<&NodeSelector> {
    spec.affinity
        .as_ref()?
        .node_affinity
        .as_ref()?
        .required_during_scheduling_ignored_during_execution
        .as_ref()
}

/// Whether a term selects the node; a term that says nothing selects none.
#[must_use]
pub fn matches(term: &NodeSelectorTerm, node: &Node) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    expressions
        .iter()
        .all(|requirement| meets(requirement, label(node, &requirement.key)))
        && fields.iter().all(|requirement| {
            requirement.key == "metadata.name" && meets(requirement, node.metadata.name.as_deref())
        })
}

fn label<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.metadata.labels.as_ref()?.get(key).map(String::as_str)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements() {
        let mut node = Node::default();
        node.metadata.name = Some("n1".to_owned());
        node.metadata.labels = Some(
            [("zone", "a"), ("cores", "8")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        );
        let requirement = |key: &str, operator: &str, values: &[&str]| NodeSelectorRequirement {
            key: key.to_owned(),
            operator: operator.to_owned(),
            values: Some(values.iter().map(|it| (*it).to_owned()).collect()),
        };
        let table = [
            ("zone", "In", &["a", "b"][..], true),
            ("zone", "NotIn", &["a"], false),
            ("rack", "NotIn", &["a"], true),
            ("rack", "Exists", &[], false),
            ("rack", "DoesNotExist", &[], true),
            ("cores", "Gt", &["4"], true),
            ("cores", "Lt", &["4"], false),
            ("zone", "Gt", &["4"], false),
        ];
        for (key, operator, values, verdict) in table {
            let term = NodeSelectorTerm {
                match_expressions: Some(vec![requirement(key, operator, values)]),
                match_fields: None,
            };
            assert_eq!(matches(&term, &node), verdict, "{key} {operator}");
        }
        let named = NodeSelectorTerm {
            match_expressions: None,
            match_fields: Some(vec![requirement("metadata.name", "In", &["n1"])]),
        };
        assert!(matches(&named, &node) && !matches(&NodeSelectorTerm::default(), &node));
    }
}
