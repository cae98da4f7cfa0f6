//! The CSI drivers on a node.

use super::shared;
use crate::{Cell, Column, Names, Strategy, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::storage::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path, Value},
    names,
};
use serde_json::json;

/// The law of CSINode.
pub(crate) struct CSINode;

const NODE_ID_LIMIT: usize = 256;

impl Strategy for CSINode {
    type Object = upstream::CSINode;

    fn names(&self) -> Names {
        Names::cluster("csinodes", "csinode").returning_deleted()
    }

    fn validate(&self, object: &upstream::CSINode) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec").child("drivers");
        for (index, it) in object.spec.drivers.iter().enumerate() {
            let path = path.index(index);
            driver(&mut errors, &path, it);
            let before = &object.spec.drivers[..index];
            if before.iter().any(|other| other.name == it.name) {
                errors.push(Error::duplicate(&path.child("name"), &it.name));
            }
            topology(&mut errors, &path, it);
        }
        errors
    }

    fn validate_update(&self, new: &upstream::CSINode, old: &upstream::CSINode) -> ErrorList {
        let mut errors = self.validate(new);
        for before in &old.spec.drivers {
            let mut now = new.spec.drivers.iter();
            let Some(now) = now.find(|it| it.name == before.name) else {
                continue;
            };
            let same = now.node_id == before.node_id && now.topology_keys == before.topology_keys;
            let shown = Value::fields([
                ("Name", (&now.name).into()),
                ("NodeID", (&now.node_id).into()),
                ("TopologyKeys", json!(now.topology_keys).into()),
                ("Allocatable", Value::shown("null")),
            ]);
            check::immutable(
                &mut errors,
                &Path::new("spec").child("drivers"),
                same,
                shown,
            );
        }
        errors
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::number(
                    "Drivers",
                    "Drivers indicates the number of CSI drivers registered on the node",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::CSINode, now: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            object.spec.drivers.len().into(),
            columns::age(&object.metadata, now),
        ]
    }
}

fn driver(e: &mut ErrorList, path: &Path, it: &upstream::CSINodeDriver) {
    shared::csi_driver(e, &path.child("name"), &it.name);
    let id = path.child("nodeID");
    check::required(e, &id, Some(&it.node_id));
    if it.node_id.len() > NODE_ID_LIMIT {
        let text = format!("must be {NODE_ID_LIMIT} characters or less");
        e.push(Error::invalid(&id, &it.node_id, &text));
    }
    let count = it.allocatable.as_ref().and_then(|it| it.count);
    check::not_negative(e, &path.child("allocatable").child("count"), count);
}

fn topology(e: &mut ErrorList, path: &Path, it: &upstream::CSINodeDriver) {
    let keys = it.topology_keys.as_deref().unwrap_or_default();
    for (index, key) in keys.iter().enumerate() {
        check::required(e, path, Some(key));
        if keys[..index].contains(key) {
            e.push(Error::duplicate(path, key));
        }
        check::messages(e, path, key, names::qualified_name_errors(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    #[test]
    fn errors() {
        let good = json!({"name": "d", "nodeID": "n", "topologyKeys": ["a"]});
        let base = json!({"metadata": {"name": "a"}, "spec": {"drivers": [good]}});
        let of = |patch| json!({"spec": {"drivers": [cases::merged(&good, &patch)]}});
        cases::creates(
            &CSINode,
            base.clone(),
            &[
                (json!({}), &[]),
                (
                    of(json!({"nodeID": ""})),
                    &["spec.drivers[0].nodeID: Required value"],
                ),
                (
                    of(json!({"allocatable": {"count": -1}})),
                    &[
                        "spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0",
                    ],
                ),
                (
                    of(json!({"topologyKeys": ["a", "a"]})),
                    &["spec.drivers[0]: Duplicate value: \"a\""],
                ),
                (
                    json!({"spec": {"drivers": [good.clone(), good.clone()]}}),
                    &["spec.drivers[1].name: Duplicate value: \"d\""],
                ),
            ],
        );
        cases::updates(
            &CSINode,
            base,
            &[
                (of(json!({"allocatable": {"count": 1}})), &[]),
                (json!({"spec": {"drivers": []}}), &[]),
                (
                    of(json!({"nodeID": "m"})),
                    &[
                        "spec.drivers: Invalid value: {\"Name\":\"d\",\"NodeID\":\"m\",\"TopologyKeys\":[\"a\"],\"Allocatable\":null}: field is immutable",
                    ],
                ),
            ],
        );
    }
}
