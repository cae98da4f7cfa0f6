//! Errors of one device: upstream's `validateDevice`.

use super::request_policy;
use crate::{
    check,
    resource::devices::{self, label, list, qualified, set},
};
use k8s_openapi::api::resource::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

/// Attributes and capacities together.
const PROPERTIES: usize = 32;
const VALUE_LIMIT_BYTES: usize = 64;
const TAINTS: usize = 16;
const CONSUMED_SETS: usize = 2;
const VERSION: &str = "must be a string compatible with semver.org spec 2.0.0";
const ONE_OF: &str = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec";

type Device = upstream::Device;

/// Whether fewer such devices fit into a slice.
pub(super) fn is_rich(it: &Device) -> bool {
    let lists = |it: &upstream::DeviceAttribute| {
        it.bools.is_some() || it.ints.is_some() || it.strings.is_some() || it.versions.is_some()
    };
    it.taints.as_ref().is_some_and(|it| !it.is_empty())
        || it
            .consumes_counters
            .as_ref()
            .is_some_and(|it| !it.is_empty())
        || it.attributes.iter().flatten().any(|it| lists(it.1))
}

/// Whether a switch is on; off is an error, since it means nothing.
pub(super) fn is_true(e: &mut ErrorList, path: &Path, value: Option<bool>) -> bool {
    if value == Some(false) {
        let text = "must be either unset or set to true";
        e.push(Error::invalid(path, serde_json::Value::Bool(false), text));
    }
    value == Some(true)
}

/// Errors of a device that is new, or follows `old`; `each` says that every device names its nodes.
pub(super) fn validate(
    e: &mut ErrorList,
    path: &Path,
    it: &Device,
    old: Option<&Device>,
    each: bool,
) {
    label(e, &path.child("name"), &it.name);
    let count = it.attributes.as_ref().map_or(0, |it| it.len())
        + it.capacity.as_ref().map_or(0, |it| it.len());
    if count > PROPERTIES {
        let text =
            format!("the total number of attributes and capacities must not exceed {PROPERTIES}");
        let shown = machinery::field::Value::shown(count.to_string());
        e.push(Error::invalid(path, shown, &text));
    }
    let at = path.child("attributes");
    for (name, value) in it.attributes.iter().flatten() {
        qualified(e, &at, name);
        attribute(e, &at.key(name), value);
    }
    if old.is_none_or(|old| old.capacity != it.capacity) {
        let at = path.child("capacity");
        for (name, value) in it.capacity.iter().flatten() {
            qualified(e, &at, name);
            if it.allow_multiple_allocations == Some(true) {
                request_policy::validate(e, &at.key(name), value);
            } else if value.request_policy.is_some() {
                let path = at.key(name).child("requestPolicy");
                e.push(Error::forbidden(
                    &path,
                    "allowMultipleAllocations must be true",
                ));
            }
        }
    }
    if old.is_none_or(|old| old.taints != it.taints) {
        let taints = it.taints.as_deref().unwrap_or_default();
        list(e, &path.child("taints"), taints, TAINTS, taint);
    }
    let consumed = it.consumes_counters.as_deref().unwrap_or_default();
    let key = |it: &upstream::DeviceCounterConsumption| it.counter_set.clone();
    let at = path.child("consumesCounters");
    set(e, &at, consumed, CONSUMED_SETS, key, |e, path, it| {
        super::validate::counters(e, path, ("counterSet", &it.counter_set), &it.counters);
    });
    place(e, path, it, each);
    let failing = it.binding_failure_conditions.as_ref();
    devices::binding(e, path, it.binding_conditions.as_ref(), failing);
}

fn taint(e: &mut ErrorList, path: &Path, it: &upstream::DeviceTaint) {
    let found = names::qualified_name_errors(&it.key);
    check::messages(e, &path.child("key"), &it.key, found);
    if let Some(value) = it.value.as_ref().filter(|it| !it.is_empty()) {
        let found = names::label_value_errors(value);
        check::messages(e, &path.child("value"), value, found);
    }
    let path = path.child("effect");
    check::one_of(e, &path, Some(&it.effect), devices::EFFECTS);
}

fn attribute(e: &mut ErrorList, path: &Path, it: &upstream::DeviceAttribute) {
    let given = [
        it.bool.is_some(),
        it.int.is_some(),
        it.string.is_some(),
        it.version.is_some(),
        it.bools.is_some(),
        it.ints.is_some(),
        it.strings.is_some(),
        it.versions.is_some(),
    ];
    for (field, value) in [("string", &it.string), ("version", &it.version)] {
        if let Some(value) = value {
            text(e, &path.child(field), value, field == "version");
        }
    }
    for (field, empty) in [
        ("bools", it.bools.as_ref().is_some_and(Vec::is_empty)),
        ("ints", it.ints.as_ref().is_some_and(Vec::is_empty)),
        ("strings", it.strings.as_ref().is_some_and(Vec::is_empty)),
        ("versions", it.versions.as_ref().is_some_and(Vec::is_empty)),
    ] {
        if empty {
            let none = serde_json::Value::Array(Vec::new());
            let text = "must not be empty if specified";
            e.push(Error::invalid(&path.child(field), none, text));
        }
    }
    for (field, values) in [("strings", &it.strings), ("versions", &it.versions)] {
        let path = path.child(field);
        for (index, value) in values.iter().flatten().enumerate() {
            text(e, &path.index(index), value, field == "versions");
        }
    }
    if given.iter().filter(|it| **it).count() != 1 {
        e.push(Error::invalid(
            path,
            "",
            "exactly one value must be specified",
        ));
    }
}

fn text(e: &mut ErrorList, path: &Path, value: &str, version: bool) {
    if version && !is_version(value) {
        e.push(Error::invalid(path, value, VERSION));
    }
    if value.len() > VALUE_LIMIT_BYTES {
        e.push(Error::too_long(path, VALUE_LIMIT_BYTES));
    }
}

/// Whether it is a version of semver.org's specification.
fn is_version(text: &str) -> bool {
    let (text, build) = text
        .split_once('+')
        .map_or((text, None), |it| (it.0, Some(it.1)));
    let (core, pre) = text
        .split_once('-')
        .map_or((text, None), |it| (it.0, Some(it.1)));
    let word = |it: &str| {
        !it.is_empty()
            && it
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    let number = |it: &str| digits(it) && (it == "0" || !it.starts_with('0'));
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(|it| {
            it.split('.')
                .all(|it| word(it) && (!digits(it) || number(it)))
        })
        && build.is_none_or(|it| it.split('.').all(word))
}

/// Which nodes can reach the device.
fn place(e: &mut ErrorList, path: &Path, it: &Device, each: bool) {
    if !each {
        if it.node_name.is_some() || it.node_selector.is_some() || it.all_nodes.is_some() {
            let text = "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
            e.push(Error::invalid(path, serde_json::Value::Null, text));
        }
        return;
    }
    let mut given = Vec::new();
    if let Some(node) = &it.node_name {
        let path = path.child("nodeName");
        if node.is_empty() {
            e.push(Error::invalid(&path, node, "must not be empty"));
        } else {
            given.push("`nodeName`");
            check::messages(e, &path, node, names::subdomain_errors(node));
        }
    }
    if let Some(selector) = &it.node_selector {
        given.push("`nodeSelector`");
        devices::node_selector(e, &path.child("nodeSelector"), selector);
    }
    if is_true(e, &path.child("allNodes"), it.all_nodes) {
        given.push("`allNodes`");
    }
    match given.as_slice() {
        [] => e.push(Error::required(path, ONE_OF)),
        [_] => {}
        several => {
            let shown = format!("{{{}}}", several.join(", "));
            e.push(Error::invalid(path, shown, ONE_OF));
        }
    }
}
