//! Errors of a pod's own name service: `dnsConfig` and `hostAliases`.

use crate::check;
use k8s_openapi::api::core::v1::PodSpec;
use machinery::{
    field::{Error, ErrorList, Path, Value},
    names,
};

/// Limits of libc's resolver, as upstream keeps them.
const NAMESERVERS_LIMIT: usize = 3;
const SEARCHES_LIMIT: usize = 32;
const SEARCH_CHARACTERS_LIMIT: usize = 2048;
const SEARCH: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";

/// Errors of `dnsConfig`.
pub(super) fn validate(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let alone = spec.dns_policy.as_deref() == Some("None");
    let Some(config) = &spec.dns_config else {
        if alone {
            let text = "must provide `dnsConfig` when `dnsPolicy` is None";
            e.push(Error::required(path, text));
        }
        return;
    };
    let servers = config.nameservers.as_deref().unwrap_or_default();
    let at = path.child("nameservers");
    if alone && servers.is_empty() {
        let text = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        return e.push(Error::required(&at, text));
    }
    if servers.len() > NAMESERVERS_LIMIT {
        let text = format!("must not have more than {NAMESERVERS_LIMIT} nameservers");
        e.push(Error::invalid(&at, shown(servers), &text));
    }
    for (index, server) in servers.iter().enumerate() {
        check::late_address(e, &at.index(index), server);
    }
    searches(
        e,
        &path.child("searches"),
        config.searches.as_deref().unwrap_or_default(),
    );
    for (index, option) in config.options.iter().flatten().enumerate() {
        if option.name.as_ref().is_none_or(String::is_empty) {
            let path = path.child("options").index(index);
            e.push(Error::required(&path, "must not be empty"));
        }
    }
}

fn searches(e: &mut ErrorList, path: &Path, searches: &[String]) {
    if searches.len() > SEARCHES_LIMIT {
        let text = format!("must not have more than {SEARCHES_LIMIT} search paths");
        e.push(Error::invalid(path, shown(searches), &text));
    }
    if searches.join(" ").len() > SEARCH_CHARACTERS_LIMIT {
        let text = format!(
            "must not have more than {SEARCH_CHARACTERS_LIMIT} characters (including spaces) in the search list"
        );
        e.push(Error::invalid(path, shown(searches), &text));
    }
    for (index, search) in searches.iter().enumerate() {
        // A dot alone asks for names as they are.
        if search != "." {
            let search = search.strip_suffix('.').unwrap_or(search);
            check::messages(e, &path.index(index), search, search_errors(search));
        }
    }
}

/// A subdomain whose labels may begin with and hold underscores.
fn search_errors(text: &str) -> Vec<String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let label = |label: &str| {
        let label = label.strip_prefix('_').unwrap_or(label);
        label.bytes().next().is_some_and(plain)
            && label.bytes().last().is_some_and(plain)
            && label
                .bytes()
                .all(|byte| plain(byte) || byte == b'-' || byte == b'_')
    };
    let mut errors = Vec::new();
    if text.len() > 253 {
        errors.push("must be no more than 253 characters".to_owned());
    }
    if !text.split('.').all(label) {
        errors.push(SEARCH.to_owned());
    }
    errors
}

fn shown(list: &[String]) -> Value {
    serde_json::json!(list).into()
}

/// Errors of `hostAliases`.
pub(super) fn host_aliases(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    for (index, alias) in spec.host_aliases.iter().flatten().enumerate() {
        let path = path.index(index);
        check::late_address(e, &path.child("ip"), &alias.ip);
        for (at, name) in alias.hostnames.iter().flatten().enumerate() {
            let path = path.child("hostnames").index(at);
            check::messages(e, &path, name, names::subdomain_errors(name));
        }
    }
}
