//! Errors of a FlowSchema.

use crate::{check, flowcontrol::mandatory};
use k8s_openapi::api::flowcontrol::v1::{
    FlowSchema, NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule,
    ServiceAccountSubject, Subject,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

const HIGHEST_PRECEDENCE: i32 = 10_000;
const METHODS: &[&str] = &["ByNamespace", "ByUser"];
const SUBJECTS: &[&str] = &["Group", "ServiceAccount", "User"];
const VERBS: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "proxy",
    "update",
    "watch",
];

pub(super) fn flow_schema(object: &FlowSchema) -> ErrorList {
    let mut errors = ErrorList::new();
    let (e, path) = (&mut errors, Path::new("spec"));
    let spec = object.spec.clone().unwrap_or_default();
    let (precedence, at) = (
        spec.matching_precedence.unwrap_or(0),
        path.child("matchingPrecedence"),
    );
    if precedence <= 0 {
        e.push(Error::invalid(&at, precedence, "must be a positive value"));
    }
    if precedence > HIGHEST_PRECEDENCE {
        let text = format!("must not be greater than {HIGHEST_PRECEDENCE}");
        e.push(Error::invalid(&at, precedence, &text));
    }
    if precedence == 1 && object.metadata.name.as_deref() != Some(mandatory::EXEMPT) {
        let text = "only the schema named 'exempt' may have matchingPrecedence 1";
        e.push(Error::invalid(&at, precedence, text));
    }
    if let Some(method) = spec.distinguisher_method
        && !METHODS.contains(&method.type_.as_str())
    {
        let at = path.child("distinguisherMethod").child("type");
        let shown = serde_json::json!({ "type": method.type_ });
        e.push(Error::not_supported(&at, shown, METHODS));
    }
    let at = path.child("priorityLevelConfiguration").child("name");
    let level = &spec.priority_level_configuration.name;
    if level.is_empty() {
        e.push(Error::required(&at, "must reference a priority level"));
    } else {
        check::messages(e, &at, level, names::subdomain_errors(level));
    }
    for (index, rule) in spec.rules.iter().flatten().enumerate() {
        rules(e, &path.child("rules").index(index), rule);
    }
    mandatory::schema(e, object);
    errors
}

fn rules(e: &mut ErrorList, path: &Path, it: &PolicyRulesWithSubjects) {
    if it.subjects.is_empty() {
        let text = "subjects must contain at least one value";
        e.push(Error::required(&path.child("subjects"), text));
    }
    for (index, one) in it.subjects.iter().enumerate() {
        subject(e, &path.child("subjects").index(index), one);
    }
    let resources = it.resource_rules.as_deref().unwrap_or_default();
    let others = it.non_resource_rules.as_deref().unwrap_or_default();
    if resources.is_empty() && others.is_empty() {
        let text = "at least one of resourceRules and nonResourceRules has to be non-empty";
        e.push(Error::required(path, text));
    }
    for (index, rule) in resources.iter().enumerate() {
        resource_rule(e, &path.child("resourceRules").index(index), rule);
    }
    for (index, rule) in others.iter().enumerate() {
        other_rule(e, &path.child("nonResourceRules").index(index), rule);
    }
}

/// What each kind of subject needs, and that it has nothing of the others.
fn subject(e: &mut ErrorList, path: &Path, it: &Subject) {
    let kind = it.kind.as_str();
    if !SUBJECTS.contains(&kind) {
        return e.push(Error::not_supported(&path.child("kind"), kind, SUBJECTS));
    }
    let parts = [
        (
            "ServiceAccount",
            "serviceAccount",
            it.service_account.is_some(),
        ),
        ("User", "user", it.user.is_some()),
        ("Group", "group", it.group.is_some()),
    ];
    if let Some((kind, field, false)) = parts.iter().find(|part| part.0 == kind) {
        let text = format!("{field} is required when subject kind is '{kind}'");
        e.push(Error::required(&path.child(field), &text));
    }
    match (kind, &it.service_account, &it.user, &it.group) {
        ("ServiceAccount", Some(account), ..) => {
            service_account(e, &path.child("serviceAccount"), account);
        }
        ("User", _, Some(user), _) => {
            check::required(e, &path.child("user").child("name"), Some(&user.name));
        }
        ("Group", _, _, Some(group)) => {
            check::required(e, &path.child("group").child("name"), Some(&group.name));
        }
        _ => {}
    }
    for (other, field, given) in parts {
        if given && other != kind {
            let text = format!("{field} is forbidden when subject kind is not '{other}'");
            e.push(Error::forbidden(&path.child(field), &text));
        }
    }
}

fn service_account(e: &mut ErrorList, path: &Path, it: &ServiceAccountSubject) {
    let at = path.child("name");
    if check::required(e, &at, Some(&it.name)) && it.name != "*" {
        check::messages(e, &at, &it.name, names::subdomain_errors(&it.name));
    }
    let at = path.child("namespace");
    if it.namespace.is_empty() {
        let text = "must specify namespace for service account";
        e.push(Error::required(&at, text));
    } else {
        check::messages(e, &at, &it.namespace, names::label_errors(&it.namespace));
    }
}

fn has_star(list: &[String]) -> bool {
    list.iter().any(|it| it == "*")
}

/// A list that must be given and in which `*` stands alone.
fn list(e: &mut ErrorList, path: &Path, list: &[String], missing: &str, what: &str) {
    if list.is_empty() {
        e.push(Error::required(path, missing));
    } else if list.len() > 1 && has_star(list) {
        let text = format!("if '*' is present, must not specify other {what}");
        e.push(Error::invalid(path, serde_json::json!(list), &text));
    }
}

fn verbs(e: &mut ErrorList, path: &Path, verbs: &[String]) {
    let missing = "verbs must contain at least one value";
    list(e, path, verbs, missing, "verbs");
    let known = |it: &String| VERBS.contains(&it.as_str());
    if !has_star(verbs) && !verbs.iter().all(known) {
        e.push(Error::not_supported(path, serde_json::json!(verbs), VERBS));
    }
}

fn resource_rule(e: &mut ErrorList, path: &Path, it: &ResourcePolicyRule) {
    verbs(e, &path.child("verbs"), &it.verbs);
    let missing = "resource rules must supply at least one api group";
    list(
        e,
        &path.child("apiGroups"),
        &it.api_groups,
        missing,
        "api groups",
    );
    let missing = "resource rules must supply at least one resource";
    list(
        e,
        &path.child("resources"),
        &it.resources,
        missing,
        "resources",
    );
    let (namespaces, at) = (
        it.namespaces.clone().unwrap_or_default(),
        path.child("namespaces"),
    );
    if !namespaces.is_empty() || !it.cluster_scope.unwrap_or(false) {
        let missing =
            "resource rules that are not cluster scoped must supply at least one namespace";
        list(e, &at, &namespaces, missing, "namespaces");
    }
    if has_star(&namespaces) {
        return;
    }
    for (index, namespace) in namespaces.iter().enumerate() {
        for message in names::label_errors(namespace) {
            let text =
                format!("each member of this list must be '*' or a DNS-1123 label; {message}");
            e.push(Error::invalid(&at.index(index), namespace, &text));
        }
    }
}

fn other_rule(e: &mut ErrorList, path: &Path, it: &NonResourcePolicyRule) {
    verbs(e, &path.child("verbs"), &it.verbs);
    let (urls, at) = (&it.non_resource_urls, path.child("nonResourceURLs"));
    let missing = "nonResourceURLs must contain at least one value";
    list(e, &at, urls, missing, "non-resource URLs");
    for (index, url) in urls.iter().enumerate().filter(|_| !has_star(urls)) {
        if let Some(text) = url_fault(url) {
            e.push(Error::invalid(&at.index(index), url, text));
        }
    }
}

fn url_fault(url: &str) -> Option<&'static str> {
    let stars = url.matches('*').count();
    match url {
        "" => Some("must not be empty"),
        "/" => None,
        _ if !url.starts_with('/') => Some("must start with slash"),
        _ if url.contains(' ') => Some("must not contain white-space"),
        _ if url.contains("//") => Some("must not contain double slash"),
        _ if stars > 1 || (stars == 1 && !url.ends_with("/*")) => {
            Some("wildcard can only do suffix matching")
        }
        _ => None,
    }
}
