//! What storage kinds have in common: names of drivers and parameters handed to them.

use crate::check;
use k8s_openapi::api::core::v1::TopologySelectorTerm;
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};
use std::collections::{BTreeMap, BTreeSet};

/// All parameters together.
const SIZE_LIMIT_BYTES: usize = 256 * 1024;
/// How many parameters there may be.
const COUNT_LIMIT: usize = 512;
/// How long a CSI driver's name may be.
const DRIVER_LIMIT_BYTES: usize = 63;

/// A provisioner or driver, as a qualified name in any case.
pub(crate) fn provisioner(e: &mut ErrorList, path: &Path, name: &str) {
    if name.is_empty() {
        e.push(Error::required(path, ""));
    } else {
        let found = names::qualified_name_errors(&name.to_lowercase());
        check::messages(e, path, name, found);
    }
}

/// The name of a CSI driver: a domain, in any case.
pub(crate) fn csi_driver(e: &mut ErrorList, path: &Path, name: &str) {
    check::required(e, path, Some(&name.to_owned()));
    if name.len() > DRIVER_LIMIT_BYTES {
        e.push(Error::too_long(path, DRIVER_LIMIT_BYTES));
    }
    check::messages(e, path, name, names::subdomain_errors(&name.to_lowercase()));
}

/// Parameters of bounded number and size.
pub(super) fn parameters(
    e: &mut ErrorList,
    path: &Path,
    parameters: Option<&BTreeMap<String, String>>,
    may_be_empty: bool,
) {
    let count = parameters.map_or(0, BTreeMap::len);
    if count > COUNT_LIMIT {
        e.push(Error::too_long(path, COUNT_LIMIT));
        return;
    }
    let mut size = 0;
    for (key, value) in parameters.into_iter().flatten() {
        if key.is_empty() {
            e.push(Error::invalid(path, key, "field can not be empty."));
        }
        size += key.len() + value.len();
    }
    if size > SIZE_LIMIT_BYTES {
        e.push(Error::too_long(path, SIZE_LIMIT_BYTES));
    }
    if !may_be_empty && count == 0 {
        e.push(Error::required(
            path,
            "must contain at least one key/value pair",
        ));
    }
}

/// Fields that an update may not touch, in upstream's words.
pub(super) fn forbidden(e: &mut ErrorList, fields: &[(&str, bool)]) {
    for (field, _) in fields.iter().filter(|it| !it.1) {
        let text = format!("updates to {field} are forbidden.");
        e.push(Error::forbidden(&Path::new(field), &text));
    }
}

/// Where volumes of a class may be.
pub(super) fn topologies(e: &mut ErrorList, path: &Path, terms: &[TopologySelectorTerm]) {
    let mut seen: Vec<BTreeMap<&str, BTreeSet<&str>>> = Vec::new();
    for (index, term) in terms.iter().enumerate() {
        let path = path.index(index).child("matchLabelExpressions");
        let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (at, it) in term.match_label_expressions.iter().flatten().enumerate() {
            let path = path.index(at);
            let mut values = BTreeSet::new();
            if it.values.is_empty() {
                e.push(Error::required(&path.child("values"), ""));
            }
            for (at, value) in it.values.iter().enumerate() {
                if !values.insert(value.as_str()) {
                    e.push(Error::duplicate(&path.child("values").index(at), value));
                }
            }
            let found = names::qualified_name_errors(&it.key);
            check::messages(e, &path.child("key"), &it.key, found);
            if all.insert(&it.key, values).is_some() {
                e.push(Error::duplicate(&path.child("key"), &it.key));
            }
        }
        // Upstream compares with one empty term for each that was given, too.
        let empty = if all.is_empty() { terms.len() } else { 0 };
        let same = seen.iter().filter(|it| **it == all).count();
        e.extend((0..empty + same).map(|_| Error::duplicate(&path, "")));
        seen.push(all);
    }
}
