//! Names and amounts of resources, as quotas, ranges, nodes and runtime classes hold them: upstream's
//! `validateResourceName`, `ValidateResourceQuantityValue` and the sets of its core helper.

use crate::check;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Wire;
use machinery::{
    field::{Error, ErrorList, Path},
    names,
    quantity::Quantity,
};

/// Counted objects: only whole numbers of them.
const COUNTED: &[&str] = &[
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];
/// Measured resources that a quota may bound, besides the counted ones.
const MEASURED: &[&str] = &[
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
];

fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-") || name.starts_with("requests.hugepages-")
}

/// A resource that Kubernetes itself defines.
pub(crate) fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// A resource that a device plugin offers.
pub(crate) fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && names::qualified_name_errors(&format!("requests.{name}")).is_empty()
}

/// Whether more may be promised than there is.
pub(crate) fn may_overcommit(name: &str) -> bool {
    is_native(name) && !name.starts_with("hugepages-")
}

/// Whether a quota knows the resource without a group.
pub(crate) fn is_quota_standard(name: &str) -> bool {
    COUNTED.contains(&name) || MEASURED.contains(&name) || is_huge_page(name)
}

/// Whether it is a standard name, or a qualified one; the error if it is not.
pub(crate) fn name(e: &mut ErrorList, path: &Path, name: &str) -> bool {
    let found = names::qualified_name_errors(name);
    let malformed = !found.is_empty();
    check::messages(e, path, name, found);
    if malformed {
        return false;
    }
    let standard = is_quota_standard(name) || name == "storage";
    let good = standard || name.contains('/');
    if !good {
        let text = "must be a standard resource type or fully qualified";
        e.push(Error::invalid(path, name, text));
    }
    good
}

/// A resource that a container may ask for.
pub(crate) fn container_name(e: &mut ErrorList, path: &Path, text: &str) {
    name(e, path, text);
    let standard = matches!(text, "cpu" | "memory" | "ephemeral-storage");
    if !text.contains('/') {
        if !standard && !text.starts_with("hugepages-") {
            let message = "must be a standard resource for containers";
            e.push(Error::invalid(path, text, message));
        }
    } else if !is_native(text) && !is_extended(text) {
        let message = "doesn't follow extended resource name standard";
        e.push(Error::invalid(path, text, message));
    }
}

/// A resource that a quota may bound.
pub(crate) fn quota_name(e: &mut ErrorList, path: &Path, text: &str) {
    name(e, path, text);
    if !text.contains('/') && !is_quota_standard(text) {
        let message = "must be a standard resource for quota";
        e.push(Error::invalid(path, text, message));
    }
}

/// An amount of `name`: not negative, and whole where it counts things.
pub(crate) fn amount(e: &mut ErrorList, path: &Path, name: &str, wire: &Wire) {
    // What does not parse was refused when the body was read.
    let Ok(amount) = Quantity::from_wire(wire) else {
        return;
    };
    if amount.is_negative() {
        let shown = amount.to_string();
        e.push(Error::invalid(path, shown, check::NOT_NEGATIVE));
    }
    let whole = COUNTED.contains(&name) || is_extended(name);
    if whole && !amount.is_whole() {
        let shown = amount.to_string();
        e.push(Error::invalid(path, shown, "must be an integer"));
    }
}

/// A size of storage: more than nothing.
pub(crate) fn positive(e: &mut ErrorList, path: &Path, wire: &Wire) {
    if let Ok(amount) = Quantity::from_wire(wire)
        && (amount.is_zero() || amount.is_negative())
    {
        let shown = amount.to_string();
        e.push(Error::invalid(path, shown, "must be greater than zero"));
    }
}

/// An amount below nothing, in upstream's older wording.
pub(crate) fn basic(e: &mut ErrorList, path: &Path, wire: &Wire) -> bool {
    let value = Quantity::from_wire(wire).map_or(0, Quantity::value);
    if value < 0 {
        let text = "must be a valid resource quantity";
        e.push(Error::invalid(path, value, text));
    }
    value >= 0
}
