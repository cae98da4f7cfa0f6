//! What webhooks and policies share: which requests they are about. Upstream:
//! `apis/admissionregistration/validation`. Expressions are checked for being there, not compiled.

use crate::{check, ratchet};
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MatchResources, NamedRuleWithOperations, RuleWithOperations,
};
use machinery::{
    field::{Error, ErrorList, Path, Value},
    labels, names,
};

pub(super) const FAILURE_POLICIES: &[&str] = &["Fail", "Ignore"];
pub(super) const MATCH_POLICIES: &[&str] = &["Equivalent", "Exact"];
const OPERATIONS: &[&str] = &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const SCOPES: &[&str] = &["*", "Cluster", "Namespaced"];
const CONDITION_LIMIT: usize = 64;

fn shown(list: &[String]) -> Value {
    serde_json::json!(list).into()
}

/// `*` stands alone.
fn lonely_star(e: &mut ErrorList, path: &Path, list: &[String], what: &str) {
    if list.len() > 1 && list.iter().any(|it| it == "*") {
        let text = format!("if '*' is present, must not specify other {what}");
        e.push(Error::invalid(path, shown(list), &text));
    }
}

/// Errors of one rule.
pub(super) fn rule(e: &mut ErrorList, path: &Path, rule: &RuleWithOperations) {
    let list = |it: &Option<Vec<String>>| it.clone().unwrap_or_default();
    let (operations, at) = (list(&rule.operations), path.child("operations"));
    if operations.is_empty() {
        e.push(Error::required(&at, ""));
    }
    lonely_star(e, &at, &operations, "operations");
    for (index, operation) in operations.iter().enumerate() {
        check::supported(e, &at.index(index), Some(operation), OPERATIONS);
    }
    let (groups, at) = (list(&rule.api_groups), path.child("apiGroups"));
    if groups.is_empty() {
        e.push(Error::required(&at, ""));
    }
    lonely_star(e, &at, &groups, "API groups");
    let (versions, at) = (list(&rule.api_versions), path.child("apiVersions"));
    if versions.is_empty() {
        e.push(Error::required(&at, ""));
    }
    lonely_star(e, &at, &versions, "API versions");
    for (index, _) in versions.iter().enumerate().filter(|(_, it)| it.is_empty()) {
        e.push(Error::required(&at.index(index), ""));
    }
    resources(e, &path.child("resources"), &list(&rule.resources));
    check::supported(e, &path.child("scope"), rule.scope.as_ref(), SCOPES);
}

fn resources(e: &mut ErrorList, path: &Path, list: &[String]) {
    if list.is_empty() {
        e.push(Error::required(path, ""));
    }
    let (mut all_of, mut everywhere) = (Vec::new(), Vec::new());
    let mut last_is_plain = false;
    for (index, text) in list.iter().enumerate() {
        let at = path.index(index);
        if text.is_empty() {
            e.push(Error::required(&at, ""));
            continue;
        }
        let Some((resource, sub)) = text.split_once('/') else {
            last_is_plain = text != "*";
            continue;
        };
        if all_of.contains(&resource) {
            let text = format!("if '{resource}/*' is present, must not specify {text}");
            e.push(Error::invalid(&at, &list[index], &text));
        }
        if everywhere.contains(&sub) {
            let text = format!("if '*/{sub}' is present, must not specify {text}");
            e.push(Error::invalid(&at, &list[index], &text));
        }
        if sub == "*" {
            all_of.push(resource);
        }
        if resource == "*" {
            everywhere.push(sub);
        }
    }
    if list.len() > 1 && list.iter().any(|it| it == "*/*") {
        let text = "if '*/*' is present, must not specify other resources";
        e.push(Error::invalid(path, shown(list), text));
    }
    // Upstream looks at the last resource without a subresource only.
    if list.iter().any(|it| it == "*") && last_is_plain {
        let text = "if '*' is present, must not specify other resources without subresources";
        e.push(Error::invalid(path, shown(list), text));
    }
}

/// Fills what a rule leaves open.
pub(super) fn default_rule(scope: &mut Option<String>) {
    scope.get_or_insert_with(|| "*".to_owned());
}

/// Fills what the constraints of a policy leave open.
pub(super) fn default_matches(it: &mut MatchResources) {
    it.match_policy
        .get_or_insert_with(|| "Equivalent".to_owned());
    it.namespace_selector.get_or_insert_default();
    it.object_selector.get_or_insert_default();
    let rules = it.resource_rules.iter_mut().flatten();
    for rule in rules.chain(it.exclude_resource_rules.iter_mut().flatten()) {
        default_rule(&mut rule.scope);
    }
}

/// Errors of the constraints of a policy or a binding.
pub(super) fn matches(e: &mut ErrorList, path: &Path, it: &MatchResources) {
    let at = path.child("matchPolicy");
    match &it.match_policy {
        None => e.push(Error::required(&at, "")),
        policy => check::supported(e, &at, policy.as_ref(), MATCH_POLICIES),
    }
    let selectors = [
        ("namespaceSelector", &it.namespace_selector),
        ("objectSelector", &it.object_selector),
    ];
    for (field, selector) in selectors {
        let at = path.child(field);
        match selector {
            None => e.push(Error::required(&at, "")),
            Some(it) => ratchet::always(e, |e| e.extend(labels::validate(it, &at))),
        }
    }
    let lists = [
        ("resourceRules", &it.resource_rules),
        ("excludeResourceRules", &it.exclude_resource_rules),
    ];
    for (field, rules) in lists {
        for (index, rule) in rules.iter().flatten().enumerate() {
            named_rule(e, &path.child(field).index(index), rule);
        }
    }
}

fn named_rule(e: &mut ErrorList, path: &Path, it: &NamedRuleWithOperations) {
    let named = it.resource_names.clone().unwrap_or_default();
    for (index, name) in named.iter().enumerate() {
        let at = path.child("resourceNames").index(index);
        check::messages(e, &at, name, names::path_segment_errors(name));
        if named[..index].contains(name) {
            e.push(Error::duplicate(&at, name));
        }
    }
    let plain = RuleWithOperations {
        api_groups: it.api_groups.clone(),
        api_versions: it.api_versions.clone(),
        operations: it.operations.clone(),
        resources: it.resources.clone(),
        scope: it.scope.clone(),
    };
    rule(e, path, &plain);
}

/// Errors of conditions on requests.
pub(super) fn conditions(e: &mut ErrorList, path: &Path, all: &[MatchCondition]) {
    if all.len() > CONDITION_LIMIT {
        e.push(Error::too_many(path, all.len(), CONDITION_LIMIT));
    }
    for (index, it) in all.iter().enumerate() {
        let path = path.index(index);
        if it.expression.trim().is_empty() {
            e.push(Error::required(&path.child("expression"), ""));
        }
        let at = path.child("name");
        if !check::required(e, &at, Some(&it.name)) {
            continue;
        }
        check::messages(e, &at, &it.name, names::qualified_name_errors(&it.name));
        if all[..index].iter().any(|before| before.name == it.name) {
            e.push(Error::duplicate(&at, &it.name));
        }
    }
}
