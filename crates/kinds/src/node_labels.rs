//! Labels of nodes that have newer names, and the warnings for those who still select by them:
//! upstream's `pkg/api/node`.

use k8s_openapi::{
    api::core::v1::NodeSelectorTerm, apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use machinery::field::Path;

/// The label that replaces an old one, where there is one.
pub(crate) const STABLE: &[(&str, &str)] = &[
    ("beta.kubernetes.io/arch", "kubernetes.io/arch"),
    (
        "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type",
    ),
    ("beta.kubernetes.io/os", "kubernetes.io/os"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/region",
    ),
    (
        "failure-domain.beta.kubernetes.io/zone",
        "topology.kubernetes.io/zone",
    ),
];

/// What upstream says of a deprecated label.
pub(crate) fn deprecated(key: &str) -> Option<&'static str> {
    Some(match key {
        "beta.kubernetes.io/arch" => "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
        "beta.kubernetes.io/os" => "deprecated since v1.14; use \"kubernetes.io/os\" instead",
        "failure-domain.beta.kubernetes.io/region" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead"
        }
        "failure-domain.beta.kubernetes.io/zone" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"
        }
        "beta.kubernetes.io/instance-type" => {
            "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"
        }
        "app.kubernetes.io/created-by" => "deprecated since v1.9",
        "scheduler.alpha.kubernetes.io/preferAvoidPods" => {
            "deprecated since v1.22; use Taints and Tolerations instead"
        }
        "node-role.kubernetes.io/master" => "use \"node-role.kubernetes.io/control-plane\" instead",
        _ => return None,
    })
}

/// Warnings for a term of a node selector.
pub(crate) fn of_term(path: &Path, term: &NodeSelectorTerm) -> Vec<String> {
    let keys = term.match_expressions.iter().flatten().map(|it| &it.key);
    of_expressions(path, keys)
}

/// Warnings for a label selector over nodes.
pub(crate) fn of_selector(path: &Path, selector: &LabelSelector) -> Vec<String> {
    let keys = selector
        .match_expressions
        .iter()
        .flatten()
        .map(|it| &it.key);
    let mut warnings = of_expressions(path, keys);
    for key in selector.match_labels.iter().flatten().map(|it| it.0) {
        let path = path.child("matchLabels").child(key);
        warnings.extend(deprecated(key).map(|text| format!("{path}: {text}")));
    }
    warnings
}

fn of_expressions<'a>(path: &Path, keys: impl Iterator<Item = &'a String>) -> Vec<String> {
    let path = path.child("matchExpressions");
    let keys = keys.enumerate().filter_map(|(index, key)| {
        let path = path.index(index).child("key");
        deprecated(key).map(|text| format!("{path}: {key} is {text}"))
    });
    keys.collect()
}
