//! Errors and warnings of nodes: upstream's `ValidateNode` and `ValidateNodeUpdate`.

use crate::{amounts, check};
use k8s_openapi::{
    api::core::v1::{Node, NodeSpec, Taint},
    apimachinery::pkg::api::resource::Quantity,
};
use machinery::{
    addresses,
    field::{Error, ErrorList, Path, Value},
    names,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];
const FIXED_RANGES: &str = "node updates may not change podCIDR except from \"\" to valid";

/// Errors of a node. Ranges in `known` were there before.
pub(super) fn node(object: &Node, known: &[&str]) -> ErrorList {
    let mut errors = ErrorList::new();
    // Clients know these errors at this path, though taints are in the spec.
    let path = Path::new("metadata").child("taints");
    let empty = NodeSpec::default();
    let spec = object.spec.as_ref().unwrap_or(&empty);
    taints(
        &mut errors,
        &path,
        spec.taints.as_deref().unwrap_or_default(),
    );
    resources(&mut errors, object);
    let ranges = spec.pod_cidrs.as_deref().unwrap_or_default();
    self::ranges(
        &mut errors,
        &Path::new("spec").child("podCIDRs"),
        ranges,
        known,
    );
    errors
}

/// Errors of a change, of the node or of its status.
pub(super) fn update(new: &Node, old: &Node) -> ErrorList {
    let empty = NodeSpec::default();
    let spec = new.spec.as_ref().unwrap_or(&empty);
    let before = old.spec.as_ref().unwrap_or(&empty);
    let known = before.pod_cidrs.as_deref().unwrap_or_default();
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    let mut errors = node(new, &known);
    addresses(&mut errors, new);
    let path = Path::new("spec");
    let before_these = errors.len();
    if !known.is_empty() && spec.pod_cidrs != before.pod_cidrs {
        errors.push(Error::forbidden(&path.child("podCIDRs"), FIXED_RANGES));
    }
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let id = text(&before.provider_id);
    if !id.is_empty() && text(&spec.provider_id) != id {
        let message = "node updates may not change providerID except from \"\" to valid";
        errors.push(Error::forbidden(&path.child("providerID"), message));
    }
    if text(&spec.external_id) != text(&before.external_id) {
        errors.push(Error::forbidden(
            &path.child("externalID"),
            "may not be updated",
        ));
    }
    if errors.len() > before_these {
        let text = "node updates may only change labels, taints, or capacity";
        errors.push(Error::forbidden(&Path::new(check::NOTHING), text));
    }
    errors
}

/// What is deprecated or oddly spelled.
pub(super) fn warnings(object: &Node) -> Vec<String> {
    let Some(spec) = &object.spec else {
        return Vec::new();
    };
    let path = Path::new("spec");
    let mut warnings = Vec::new();
    if spec.config_source.is_some() {
        warnings.push(
            "spec.configSource: deprecated in v1.22, support removal is planned in v1.23"
                .to_owned(),
        );
    }
    if spec.external_id.as_ref().is_some_and(|it| !it.is_empty()) {
        warnings.push(
            "spec.externalID: this field is deprecated, and is unused by Kubernetes".to_owned(),
        );
    }
    for (index, range) in spec.pod_cidrs.iter().flatten().enumerate() {
        let path = path.child("podCIDRs").index(index);
        warnings.extend(addresses::network_warnings(&path, range));
    }
    warnings
}

fn taints(e: &mut ErrorList, path: &Path, taints: &[Taint]) {
    let mut taken = BTreeSet::new();
    for (index, taint) in taints.iter().enumerate() {
        let path = path.index(index);
        let found = names::qualified_name_errors(&taint.key);
        check::messages(e, &path.child("key"), &taint.key, found);
        let value = taint.value.as_deref().unwrap_or_default();
        let found = names::label_value_errors(value);
        if !found.is_empty() {
            e.push(Error::invalid(
                &path.child("value"),
                value,
                &found.join(";"),
            ));
        }
        check::one_of(e, &path.child("effect"), Some(&taint.effect), EFFECTS);
        if !taken.insert((&taint.key, &taint.effect)) {
            let mut error = Error::duplicate(&path, shown(taint));
            error
                .message
                .push_str(": taints must be unique by key and effect pair");
            e.push(error);
        }
    }
}

/// A taint as upstream's internal type shows itself.
fn shown(taint: &Taint) -> Value {
    let (key, effect) = (json!(taint.key), json!(taint.effect));
    let value = json!(taint.value.as_deref().unwrap_or_default());
    let added = json!(
        taint
            .time_added
            .as_ref()
            .map(|it| machinery::durations::rfc3339(it.0))
    );
    Value::shown(format!(
        "{{\"Key\":{key},\"Value\":{value},\"Effect\":{effect},\"TimeAdded\":{added}}}"
    ))
}

fn resources(e: &mut ErrorList, object: &Node) {
    let Some(status) = &object.status else { return };
    let mut check = |field: &str, map: &Option<BTreeMap<String, Quantity>>| {
        for (name, amount) in map.iter().flatten() {
            let path = Path::new("status").child(field).child(name);
            amounts::amount(e, &path, name, amount);
        }
    };
    check("capacity", &status.capacity);
    check("allocatable", &status.allocatable);
}

/// At most one range of each family.
fn ranges(e: &mut ErrorList, path: &Path, ranges: &[String], known: &[&str]) {
    for (index, range) in ranges.iter().enumerate() {
        check::network(e, &path.index(index), range, known);
    }
    if ranges.len() < 2 {
        return;
    }
    let families: BTreeSet<_> = ranges.iter().map(|it| it.contains(':')).collect();
    if families.len() < 2 || ranges.len() > 2 {
        let text = "may specify no more than one CIDR for each IP family";
        e.push(Error::invalid(path, json!(ranges), text));
    }
    for (index, range) in ranges.iter().enumerate() {
        if ranges[..index].contains(range) {
            e.push(Error::duplicate(&path.index(index), range));
        }
    }
}

fn addresses(e: &mut ErrorList, object: &Node) {
    let list = object
        .status
        .as_ref()
        .and_then(|it| it.addresses.as_deref());
    let list = list.unwrap_or_default();
    for (index, it) in list.iter().enumerate() {
        if list[..index].contains(it) {
            let (kind, address) = (json!(it.type_), json!(it.address));
            let shown = Value::shown(format!("{{\"Type\":{kind},\"Address\":{address}}}"));
            let path = Path::new("status").child("addresses").index(index);
            e.push(Error::duplicate(&path, shown));
        }
    }
}
