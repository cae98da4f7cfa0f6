//! The law of webhooks of either sort: defaults and validation.

use super::rules;
use crate::check;
use k8s_openapi::{
    api::admissionregistration::v1::{
        MatchCondition, MutatingWebhook, RuleWithOperations, ServiceReference, ValidatingWebhook,
        WebhookClientConfig,
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use machinery::{
    field::{Error, ErrorList, Path},
    labels, names,
};

const WITHOUT_SIDE_EFFECTS: &[&str] = &["None", "NoneOnDryRun"];
const SIDE_EFFECTS: &[&str] = &["None", "NoneOnDryRun", "Some", "Unknown"];
const REINVOCATION_POLICIES: &[&str] = &["IfNeeded", "Never"];
/// Versions of AdmissionReview that are spoken.
const REVIEW_VERSIONS: &[&str] = &["v1", "v1beta1"];
const FORM: &str = "; desired format: https://host[/path]";

/// A webhook of either sort, as far as the law is concerned.
pub(super) struct Hook<'a> {
    name: &'a String,
    rules: &'a [RuleWithOperations],
    policies: [(&'static str, Option<&'a String>, &'static [&'static str]); 2],
    side_effects: &'a str,
    timeout_seconds: Option<i32>,
    selectors: [(&'static str, Option<&'a LabelSelector>); 2],
    reinvocation_policy: Option<&'a String>,
    client: &'a WebhookClientConfig,
    conditions: &'a [MatchCondition],
    versions: &'a [String],
}

macro_rules! hook {
    ($it:expr, $reinvocation:expr) => {
        Hook {
            name: &$it.name,
            rules: $it.rules.as_deref().unwrap_or_default(),
            policies: [
                (
                    "failurePolicy",
                    $it.failure_policy.as_ref(),
                    rules::FAILURE_POLICIES,
                ),
                (
                    "matchPolicy",
                    $it.match_policy.as_ref(),
                    rules::MATCH_POLICIES,
                ),
            ],
            side_effects: &$it.side_effects,
            timeout_seconds: $it.timeout_seconds,
            selectors: [
                ("namespaceSelector", $it.namespace_selector.as_ref()),
                ("objectSelector", $it.object_selector.as_ref()),
            ],
            reinvocation_policy: $reinvocation,
            client: &$it.client_config,
            conditions: $it.match_conditions.as_deref().unwrap_or_default(),
            versions: &$it.admission_review_versions,
        }
    };
}

impl<'a> From<&'a ValidatingWebhook> for Hook<'a> {
    fn from(it: &'a ValidatingWebhook) -> Self {
        hook!(it, None)
    }
}

impl<'a> From<&'a MutatingWebhook> for Hook<'a> {
    fn from(it: &'a MutatingWebhook) -> Self {
        hook!(it, it.reinvocation_policy.as_ref())
    }
}

/// Fills what a webhook of either sort leaves open.
macro_rules! defaults {
    ($it:expr) => {
        $it.failure_policy.get_or_insert_with(|| "Fail".to_owned());
        $it.match_policy
            .get_or_insert_with(|| "Equivalent".to_owned());
        $it.namespace_selector.get_or_insert_default();
        $it.object_selector.get_or_insert_default();
        $it.timeout_seconds.get_or_insert(10);
        if let Some(service) = &mut $it.client_config.service {
            service.port.get_or_insert(443);
        }
        for rule in $it.rules.iter_mut().flatten() {
            $crate::admissionregistration::rules::default_rule(&mut rule.scope);
        }
    };
}
pub(super) use defaults;

/// What depends on how an object was before in another way than errors tell.
struct Lenience {
    /// The effects that are not without danger are of the list when one of them was there.
    side_effects: bool,
    /// Conditions are looked at only when one of them changes.
    conditions: bool,
}

impl Lenience {
    fn of(new: &[Hook<'_>], old: Option<&[Hook<'_>]>) -> Self {
        let has_effects = |it: &Hook<'_>| !WITHOUT_SIDE_EFFECTS.contains(&it.side_effects);
        let conditions = |it: &[Hook<'_>]| {
            let all = it.iter().map(|it| it.conditions.to_vec());
            all.collect::<Vec<_>>()
        };
        Self {
            side_effects: old.is_some_and(|it| it.iter().any(has_effects)),
            conditions: old.is_some_and(|it| conditions(it) == conditions(new)),
        }
    }
}

/// Errors of the webhooks of a configuration; `old` is absent on create.
pub(super) fn validate(new: &[Hook<'_>], old: Option<&[Hook<'_>]>) -> ErrorList {
    let mut errors = ErrorList::new();
    let e = &mut errors;
    let lenience = Lenience::of(new, old);
    for (index, hook) in new.iter().enumerate() {
        let path = Path::new("webhooks").index(index);
        validate_hook(e, &path, hook, &lenience);
        let at = path.child("admissionReviewVersions");
        validate_versions(e, &at, hook.versions);
        let named = |before: &Hook<'_>| !hook.name.is_empty() && before.name == hook.name;
        if new[..index].iter().any(named) {
            let error = Error::duplicate(&path.child("name"), hook.name);
            e.push(error.ratcheted("requireUniqueWebhookNames"));
        }
    }
    errors
}

fn validate_hook(e: &mut ErrorList, path: &Path, hook: &Hook<'_>, lenience: &Lenience) {
    validate_name(e, &path.child("name"), hook.name);
    for (index, rule) in hook.rules.iter().enumerate() {
        rules::rule(e, &path.child("rules").index(index), rule);
    }
    for (field, value, list) in hook.policies {
        check::supported(e, &path.child(field), value, list);
    }
    let (list, at) = if lenience.side_effects {
        (SIDE_EFFECTS, path.child("sideEffects"))
    } else {
        (WITHOUT_SIDE_EFFECTS, path.child("sideEffects"))
    };
    if hook.side_effects.is_empty() {
        let text = format!("must specify one of {}", list.join(", "));
        e.push(Error::required(&at, &text));
    } else if !list.contains(&hook.side_effects) {
        e.push(Error::not_supported(&at, hook.side_effects, list));
    }
    if let Some(seconds) = hook.timeout_seconds.filter(|it| !(1..=30).contains(it)) {
        let text = "the timeout value must be between 1 and 30 seconds";
        e.push(Error::invalid(&path.child("timeoutSeconds"), seconds, text));
    }
    for (field, selector) in hook.selectors {
        e.extend(selector.map_or_else(Vec::new, |it| labels::validate(it, &path.child(field))));
    }
    let at = path.child("reinvocationPolicy");
    check::supported(e, &at, hook.reinvocation_policy, REINVOCATION_POLICIES);
    validate_client(e, &path.child("clientConfig"), hook.client);
    if !lenience.conditions {
        rules::conditions(e, &path.child("matchConditions"), hook.conditions);
    }
}

fn validate_name(e: &mut ErrorList, path: &Path, name: &String) {
    if !check::required(e, path, Some(name)) {
        return;
    }
    let wrong = names::subdomain_errors(name);
    if !wrong.is_empty() {
        e.push(Error::invalid(path, name, &wrong.join(",")));
    } else if name.split('.').count() < 3 {
        let text = "should be a domain with at least three segments separated by dots";
        e.push(Error::invalid(path, name, text));
    }
}

fn validate_versions(e: &mut ErrorList, path: &Path, versions: &[String]) {
    let known = REVIEW_VERSIONS.join(", ");
    if versions.is_empty() {
        let text = format!("must specify one of {known}");
        return e.push(Error::required(path, &text));
    }
    for (index, version) in versions.iter().enumerate() {
        let at = path.index(index);
        if versions[..index].contains(version) {
            e.push(Error::invalid(&at, version, "duplicate version"));
        } else {
            check::messages(e, &at, version, names::dns1035_label_errors(version));
        }
    }
    let speaks = |it: &String| REVIEW_VERSIONS.contains(&it.as_str());
    if !versions.iter().any(speaks) {
        let text = format!("must include at least one of {known}");
        let error = Error::invalid(path, serde_json::json!(versions), &text);
        e.push(error.ratcheted("requireRecognizedAdmissionReviewVersion"));
    }
}

fn validate_client(e: &mut ErrorList, path: &Path, client: &WebhookClientConfig) {
    match (&client.url, &client.service) {
        (Some(url), None) => validate_url(e, &path.child("url"), url),
        (None, Some(service)) => validate_service(e, &path.child("service"), service),
        _ => {
            let text = "exactly one of url or service is required";
            e.push(Error::required(path, text));
        }
    }
}

fn validate_url(e: &mut ErrorList, path: &Path, url: &str) {
    let (rest, fragment) = url.split_once('#').unwrap_or((url, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (scheme, rest) = rest.split_once(':').unwrap_or(("", rest));
    let scheme = scheme.to_lowercase();
    let authority = rest.strip_prefix("//").unwrap_or_default();
    let authority = authority.split('/').next().unwrap_or_default();
    let (user, host) = authority
        .rsplit_once('@')
        .map_or((None, authority), |(user, host)| (Some(user), host));
    if scheme != "https" {
        let text = format!("'https' is the only allowed URL scheme{FORM}");
        e.push(Error::invalid(path, scheme, &text));
    }
    if host.is_empty() {
        let text = format!("host must be provided{FORM}");
        e.push(Error::invalid(path, host, &text));
    }
    let parts = [
        (user, "user information is"),
        (Some(fragment).filter(|it| !it.is_empty()), "fragments are"),
        (
            Some(query).filter(|it| !it.is_empty()),
            "query parameters are",
        ),
    ];
    for (part, what) in parts {
        if let Some(part) = part {
            let text = format!("{what} not permitted in the URL");
            e.push(Error::invalid(path, part, &text));
        }
    }
}

fn validate_service(e: &mut ErrorList, path: &Path, service: &ServiceReference) {
    // Upstream hands name and namespace over in the wrong order: each is missed under the other's name.
    if service.namespace.is_empty() {
        e.push(Error::required(
            &path.child("name"),
            "service name is required",
        ));
    }
    if service.name.is_empty() {
        let text = "service namespace is required";
        e.push(Error::required(&path.child("namespace"), text));
    }
    let port = service.port.unwrap_or(443);
    let wrong = names::port_number_errors(port.into());
    if !wrong.is_empty() {
        let text = format!("port is not valid: {}", wrong.join(", "));
        e.push(Error::invalid(&path.child("port"), port, &text));
    }
    validate_path(
        e,
        &path.child("path"),
        service.path.as_deref().unwrap_or_default(),
    );
}

fn validate_path(e: &mut ErrorList, path: &Path, text: &str) {
    if text.is_empty() || text == "/" {
        return;
    }
    if text == "//" {
        return e.push(Error::invalid(path, text, "segment[0] may not be empty"));
    }
    if !text.starts_with('/') {
        e.push(Error::invalid(path, text, "must start with a '/'"));
    }
    let below = text.char_indices().nth(1).map_or("", |(at, _)| &text[at..]);
    let below = below.strip_suffix('/').unwrap_or(below);
    for (index, step) in below.split('/').enumerate() {
        if step.is_empty() {
            let detail = format!("segment[{index}] may not be empty");
            e.push(Error::invalid(path, text, &detail));
            continue;
        }
        for message in names::subdomain_errors(step) {
            let detail = format!("segment[{index}]: {message}");
            e.push(Error::invalid(path, text, &detail));
        }
    }
}

#[cfg(test)]
mod tests;
