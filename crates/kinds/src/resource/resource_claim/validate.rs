//! Errors of what a claim asks for: upstream's `validateResourceClaimSpec`.

use super::devices::{self, LISTED, fully_qualified, label, list, set};
use crate::check;
use k8s_openapi::api::resource::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};
use std::collections::BTreeMap;

/// Alternatives of one request.
const ALTERNATIVES: usize = 8;
const UNKNOWN: &str = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";

/// The names of a claim's requests, and of the alternatives of each.
pub(super) struct Requests<'a>(BTreeMap<&'a str, Vec<&'a str>>);

impl<'a> Requests<'a> {
    pub(super) fn of(spec: &'a upstream::ResourceClaimSpec) -> Self {
        let requests = spec
            .devices
            .iter()
            .flat_map(|it| it.requests.iter().flatten());
        let named = requests.map(|it| {
            let below = it.first_available.iter().flatten();
            (it.name.as_str(), below.map(|it| it.name.as_str()).collect())
        });
        Self(named.collect())
    }

    /// Errors of a reference to a request.
    pub(super) fn reference(&self, e: &mut ErrorList, path: &Path, name: &str) {
        let parts: Vec<_> = name.split('/').collect();
        if parts.len() > 2 {
            e.push(Error::invalid(path, name, UNKNOWN));
            return;
        }
        for part in &parts {
            label(e, path, part);
        }
        let known = self
            .0
            .get(parts[0])
            .is_some_and(|below| parts.get(1).is_none_or(|it| below.contains(it)));
        if !known {
            e.push(Error::invalid(path, name, UNKNOWN));
        }
    }

    /// Errors of a list of references.
    pub(super) fn references(&self, e: &mut ErrorList, path: &Path, names: Option<&Vec<String>>) {
        let names = names.map(Vec::as_slice).unwrap_or_default();
        let path = path.child("requests");
        set(e, &path, names, LISTED, String::clone, |e, path, it| {
            self.reference(e, path, it);
        });
    }
}

/// Errors of a claim's spec at `path`.
pub(in crate::resource) fn spec(
    e: &mut ErrorList,
    path: &Path,
    spec: &upstream::ResourceClaimSpec,
) {
    let path = path.child("devices");
    let empty = upstream::DeviceClaim::default();
    let claim = spec.devices.as_ref().unwrap_or(&empty);
    let known = Requests::of(spec);
    let requests = claim.requests.as_deref().unwrap_or_default();
    let at = path.child("requests");
    set(e, &at, requests, LISTED, |it| it.name.clone(), request);
    let constraints = claim.constraints.as_deref().unwrap_or_default();
    list(
        e,
        &path.child("constraints"),
        constraints,
        LISTED,
        |e, path, it| {
            known.references(e, path, it.requests.as_ref());
            if let Some(name) = &it.match_attribute {
                fully_qualified(e, &path.child("matchAttribute"), name);
            } else if let Some(name) = &it.distinct_attribute {
                fully_qualified(e, &path.child("distinctAttribute"), name);
            } else {
                let text = r#"exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set"#;
                e.push(Error::required(path, text));
            }
        },
    );
    let config = claim.config.as_deref().unwrap_or_default();
    list(e, &path.child("config"), config, LISTED, |e, path, it| {
        known.references(e, path, it.requests.as_ref());
        devices::settings(e, path, it.opaque.as_ref(), false);
    });
}

fn request(e: &mut ErrorList, path: &Path, it: &upstream::DeviceRequest) {
    label(e, &path.child("name"), &it.name);
    let several = it.first_available.as_deref().unwrap_or_default();
    match (&it.exactly, several) {
        (None, []) => {
            let text = "exactly one of `exactly` or `firstAvailable` is required";
            e.push(Error::required(path, text));
        }
        (Some(it), []) => {
            let path = path.child("exactly");
            class(e, &path, &it.device_class_name);
            devices::selectors(e, &path.child("selectors"), it.selectors.as_ref());
            mode(e, &path, it.allocation_mode.as_ref(), it.count);
            devices::tolerations(e, &path, it.tolerations.as_ref());
        }
        (None, several) => {
            let at = path.child("firstAvailable");
            set(
                e,
                &at,
                several,
                ALTERNATIVES,
                |it| it.name.clone(),
                alternative,
            );
        }
        (Some(_), _) => {
            let text = "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set";
            e.push(Error::invalid(path, serde_json::Value::Null, text));
        }
    }
}

fn alternative(e: &mut ErrorList, path: &Path, it: &upstream::DeviceSubRequest) {
    label(e, &path.child("name"), &it.name);
    class(e, path, &it.device_class_name);
    devices::selectors(e, &path.child("selectors"), it.selectors.as_ref());
    mode(e, path, it.allocation_mode.as_ref(), it.count);
    devices::tolerations(e, path, it.tolerations.as_ref());
}

fn class(e: &mut ErrorList, path: &Path, name: &String) {
    let path = path.child("deviceClassName");
    if check::required(e, &path, Some(name)) {
        check::messages(e, &path, name, names::subdomain_errors(name));
    }
}

fn mode(e: &mut ErrorList, path: &Path, mode: Option<&String>, count: Option<i64>) {
    let (at, count) = (path.child("count"), count.unwrap_or(0));
    match mode.map_or("", String::as_str) {
        "All" if count != 0 => {
            let text = "must not be specified when allocationMode is 'All'";
            e.push(Error::invalid(&at, count, text));
        }
        "ExactCount" if count <= 0 => {
            e.push(Error::invalid(&at, count, "must be greater than zero"));
        }
        "All" | "ExactCount" => {}
        other => {
            let path = path.child("allocationMode");
            e.push(Error::not_supported(&path, other, &["All", "ExactCount"]));
        }
    }
}
