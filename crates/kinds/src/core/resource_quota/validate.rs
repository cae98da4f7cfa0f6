//! Errors of quotas: upstream's `ValidateResourceQuota`.

use crate::{amounts, check};
use k8s_openapi::{
    api::core::v1::{ResourceQuota, ResourceQuotaSpec, ScopedResourceSelectorRequirement},
    apimachinery::pkg::api::resource::Quantity,
};
use machinery::field::{Error, ErrorList, Path, Value};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const BEST_EFFORT: &str = "BestEffort";
const VOLUME_ATTRIBUTES_CLASS: &str = "VolumeAttributesClass";
/// Scopes that a selector can only ask the existence of.
const TRUTHS: &[&str] = &[
    BEST_EFFORT,
    "NotBestEffort",
    "Terminating",
    "NotTerminating",
    "CrossNamespacePodAffinity",
];
const CONFLICTS: &[[&str; 2]] = &[
    [BEST_EFFORT, "NotBestEffort"],
    ["Terminating", "NotTerminating"],
];
const ONLY_EXISTS: &str = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";

/// Errors of what is asked for.
pub(super) fn spec(object: &ResourceQuota) -> ErrorList {
    let mut errors = ErrorList::new();
    let path = Path::new("spec");
    let empty = ResourceQuotaSpec::default();
    let spec = object.spec.as_ref().unwrap_or(&empty);
    amounts(&mut errors, &path.child("hard"), spec.hard.as_ref());
    scopes(&mut errors, &path.child("scopes"), spec);
    selector(&mut errors, &path.child("scopeSelector"), spec);
    errors
}

/// Errors of a change: scopes stay.
pub(super) fn update(new: &ResourceQuota, old: &ResourceQuota) -> ErrorList {
    let mut errors = spec(new);
    let scopes = |it: &ResourceQuota| -> BTreeSet<String> {
        let list = it.spec.iter().flat_map(|it| it.scopes.iter().flatten());
        list.cloned().collect()
    };
    let shown = json!(new.spec.as_ref().and_then(|it| it.scopes.as_ref()));
    let same = scopes(new) == scopes(old);
    check::immutable(&mut errors, &Path::new("spec").child("scopes"), same, shown);
    errors
}

/// Errors of what is reported.
pub(super) fn status(object: &ResourceQuota) -> ErrorList {
    let mut errors = ErrorList::new();
    let path = Path::new("status");
    if let Some(status) = &object.status {
        amounts(&mut errors, &path.child("hard"), status.hard.as_ref());
        amounts(&mut errors, &path.child("used"), status.used.as_ref());
    }
    errors
}

fn amounts(e: &mut ErrorList, path: &Path, amounts: Option<&BTreeMap<String, Quantity>>) {
    for (name, amount) in amounts.into_iter().flatten() {
        let path = path.key(name);
        amounts::quota_name(e, &path, name);
        amounts::amount(e, &path, name, amount);
    }
}

fn is_scope(scope: &str) -> bool {
    TRUTHS.contains(&scope) || matches!(scope, "PriorityClass" | VOLUME_ATTRIBUTES_CLASS)
}

/// Whether a scope can say which of a resource's users count.
fn applies(scope: &str, resource: &str) -> bool {
    let of_pods = matches!(
        resource,
        "pods"
            | "cpu"
            | "memory"
            | "limits.cpu"
            | "limits.memory"
            | "requests.cpu"
            | "requests.memory"
    );
    match scope {
        BEST_EFFORT => resource == "pods",
        VOLUME_ATTRIBUTES_CLASS => {
            matches!(resource, "persistentvolumeclaims" | "requests.storage")
        }
        _ => of_pods || !is_scope(scope),
    }
}

/// Resources of the quota that `scope` says nothing about.
fn beside<'a>(spec: &'a ResourceQuotaSpec, scope: &'a str) -> impl Iterator<Item = &'a String> {
    let names = spec.hard.iter().flatten().map(|it| it.0);
    names.filter(move |it| amounts::is_quota_standard(it) && !applies(scope, it))
}

fn conflicts(e: &mut ErrorList, path: &Path, spec: &ResourceQuotaSpec, scopes: &BTreeSet<&str>) {
    let both = |pair: &&[&str; 2]| pair.iter().all(|it| scopes.contains(it));
    for _ in CONFLICTS.iter().filter(both) {
        e.push(Error::invalid(
            path,
            json!(spec.scopes),
            "conflicting scopes",
        ));
    }
}

fn scopes(e: &mut ErrorList, path: &Path, spec: &ResourceQuotaSpec) {
    let list = spec.scopes.as_deref().unwrap_or_default();
    for scope in list {
        if !is_scope(scope) {
            e.push(Error::invalid(path, json!(list), "unsupported scope"));
        }
        for _ in beside(spec, scope) {
            let text = "unsupported scope applied to resource";
            e.push(Error::invalid(path, json!(list), text));
        }
    }
    conflicts(e, path, spec, &list.iter().map(String::as_str).collect());
}

fn selector(e: &mut ErrorList, path: &Path, spec: &ResourceQuotaSpec) {
    let Some(selector) = &spec.scope_selector else {
        return;
    };
    let path = path.child("matchExpressions");
    let list = selector.match_expressions.as_deref().unwrap_or_default();
    for it in list {
        if !is_scope(&it.scope_name) {
            let path = path.child("scopeName");
            e.push(Error::invalid(&path, &it.scope_name, "unsupported scope"));
        }
        for _ in beside(spec, &it.scope_name) {
            let text = "unsupported scope applied to resource";
            e.push(Error::invalid(&path, shown(list), text));
        }
        requirement(e, &path, it);
    }
    let scopes = list.iter().map(|it| it.scope_name.as_str()).collect();
    conflicts(e, &path, spec, &scopes);
}

fn requirement(e: &mut ErrorList, path: &Path, it: &ScopedResourceSelectorRequirement) {
    let operator = path.child("operator");
    if TRUTHS.contains(&it.scope_name.as_str()) && it.operator != "Exists" {
        e.push(Error::invalid(&operator, &it.operator, ONLY_EXISTS));
    }
    let values = it.values.as_deref().unwrap_or_default();
    let at = path.child("values");
    match it.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => e.push(Error::required(
            &at,
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        )),
        "Exists" | "DoesNotExist" if !values.is_empty() => e.push(Error::invalid(
            &at,
            json!(values),
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        )),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => e.push(Error::invalid(
            &operator,
            other,
            "not a valid selector operator",
        )),
    }
}

/// A selector as upstream's internal type shows itself.
fn shown(list: &[ScopedResourceSelectorRequirement]) -> Value {
    let list: Vec<_> = list
        .iter()
        .map(|it| {
            let (scope, operator) = (json!(it.scope_name), json!(it.operator));
            let values = json!(it.values);
            format!("{{\"ScopeName\":{scope},\"Operator\":{operator},\"Values\":{values}}}")
        })
        .collect();
    Value::shown(format!("{{\"MatchExpressions\":[{}]}}", list.join(",")))
}
