//! Errors of a slice as a whole: upstream's `validateResourceSliceSpec`.

use super::device;
use crate::{
    check,
    resource::devices::{self, label, set},
};
use k8s_openapi::api::resource::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};
use std::collections::BTreeMap;

const DEVICES: usize = 128;
/// When devices have taints, shared counters or lists of values.
const RICH_DEVICES: usize = 64;
const COUNTER_SETS: usize = 8;
const COUNTERS: usize = 32;
const ONE_OF: &str =
    "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";

/// Errors of a spec that is new, or follows `old`.
pub(super) fn spec(
    it: &upstream::ResourceSliceSpec,
    old: Option<&upstream::ResourceSliceSpec>,
) -> ErrorList {
    let (mut errors, path) = (ErrorList::new(), Path::new("spec"));
    let e = &mut errors;
    let (pool, driver) = (path.child("pool"), path.child("driver"));
    devices::driver(e, &driver, &it.driver);
    devices::pool(e, &pool.child("name"), &it.pool.name);
    if it.pool.resource_slice_count <= 0 {
        let path = pool.child("resourceSliceCount");
        let count = it.pool.resource_slice_count;
        e.push(Error::invalid(&path, count, "must be greater than zero"));
    }
    if it.pool.generation < 0 {
        let text = "must be greater than or equal to zero";
        let path = pool.child("generation");
        e.push(Error::invalid(&path, it.pool.generation, text));
    }
    if let Some(old) = old {
        let same = it.pool.name == old.pool.name;
        check::immutable(e, &pool.child("name"), same, &it.pool.name);
        check::immutable(e, &driver, it.driver == old.driver, &it.driver);
        let shown = serde_json::json!(it.node_name);
        let same = it.node_name == old.node_name;
        check::immutable(e, &path.child("nodeName"), same, shown);
    }
    place(e, &path, it);
    if it.shared_counters.is_some() && it.devices.is_some() {
        let text = "only one of `sharedCounters` or `devices` is allowed";
        e.push(Error::invalid(&path, "", text));
    }
    let all = it.devices.as_deref().unwrap_or_default();
    let limit = match all.iter().any(device::is_rich) {
        true => RICH_DEVICES,
        false => DEVICES,
    };
    let each = it.per_device_node_selection == Some(true);
    set(
        e,
        &path.child("devices"),
        all,
        limit,
        |it| it.name.clone(),
        |e, path, it| {
            let before =
                old.and_then(|old| old.devices.iter().flatten().find(|o| o.name == it.name));
            device::validate(e, path, it, before, each);
        },
    );
    let sets = it.shared_counters.as_deref().unwrap_or_default();
    let at = path.child("sharedCounters");
    set(
        e,
        &at,
        sets,
        COUNTER_SETS,
        |it| it.name.clone(),
        |e, path, it| {
            counters(e, path, ("name", &it.name), &it.counters);
        },
    );
    errors
}

/// Errors of a named set of counters.
pub(super) fn counters(
    e: &mut ErrorList,
    path: &Path,
    (field, name): (&str, &String),
    counters: &BTreeMap<String, upstream::Counter>,
) {
    let at = path.child(field);
    if check::required(e, &at, Some(name)) {
        label(e, &at, name);
    }
    let at = path.child("counters");
    if counters.is_empty() {
        e.push(Error::required(&at, ""));
    } else if counters.len() > COUNTERS {
        e.push(Error::too_many(&at, counters.len(), COUNTERS));
    } else {
        for name in counters.keys() {
            label(e, &at, name);
        }
    }
}

/// Which nodes can reach the devices: said once, and of the whole slice.
fn place(e: &mut ErrorList, path: &Path, it: &upstream::ResourceSliceSpec) {
    let mut given = Vec::new();
    if let Some(node) = &it.node_name {
        let path = path.child("nodeName");
        if node.is_empty() {
            let text = "must be either unset or set to a non-empty string";
            e.push(Error::invalid(&path, node, text));
        } else {
            given.push("`nodeName`");
            check::messages(e, &path, node, names::subdomain_errors(node));
        }
    }
    if let Some(selector) = &it.node_selector {
        given.push("`nodeSelector`");
        let path = path.child("nodeSelector");
        devices::node_selector(e, &path, selector);
        if selector.node_selector_terms.len() != 1 {
            let count = selector.node_selector_terms.len();
            let shown = machinery::field::Value::shown(format!("{count} terms"));
            let path = path.child("nodeSelectorTerms");
            let text = "must have exactly one node selector term";
            e.push(Error::invalid(&path, shown, text));
        }
    }
    for (field, value, quoted) in [
        ("allNodes", it.all_nodes, "`allNodes`"),
        (
            "perDeviceNodeSelection",
            it.per_device_node_selection,
            "`perDeviceNodeSelection`",
        ),
    ] {
        if device::is_true(e, &path.child(field), value) {
            given.push(quoted);
        }
    }
    match given.as_slice() {
        [] => e.push(Error::required(path, ONE_OF)),
        [_] => {}
        several => {
            let shown = format!("{{{}}}", several.join(", "));
            let text = format!("{ONE_OF}, but multiple fields are set");
            e.push(Error::invalid(path, shown, &text));
        }
    }
}
