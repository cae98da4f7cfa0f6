//! What both kinds of roles have in common: the rules they are made of. Upstream: `ValidatePolicyRule`.

use k8s_openapi::api::rbac::v1::PolicyRule;
use machinery::field::{Error, ErrorList, Path};
use serde_json::json;

/// Errors of a role's rules; only a ClusterRole may speak of URLs.
pub(super) fn validate(rules: Option<&[PolicyRule]>, namespaced: bool) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, it) in rules.unwrap_or_default().iter().enumerate() {
        rule(
            &mut errors,
            &Path::new("rules").index(index),
            it,
            namespaced,
        );
    }
    errors
}

fn rule(e: &mut ErrorList, path: &Path, it: &PolicyRule, namespaced: bool) {
    let some = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|it| !it.is_empty());
    if it.verbs.is_empty() {
        let text = "verbs must contain at least one value";
        e.push(Error::required(&path.child("verbs"), text));
    }
    if some(&it.non_resource_urls) {
        let path = path.child("nonResourceURLs");
        let mut refuse = |text| e.push(Error::invalid(&path, json!(it.non_resource_urls), text));
        if namespaced {
            refuse("namespaced rules cannot apply to non-resource URLs");
        }
        if some(&it.api_groups) || some(&it.resources) || some(&it.resource_names) {
            refuse("rules cannot apply to both regular resources and non-resource URLs");
        }
        return;
    }
    if !some(&it.api_groups) {
        let text = "resource rules must supply at least one api group";
        e.push(Error::required(&path.child("apiGroups"), text));
    }
    if !some(&it.resources) {
        let text = "resource rules must supply at least one resource";
        e.push(Error::required(&path.child("resources"), text));
    }
}
