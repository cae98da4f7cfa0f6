//! The CSI drivers on a node.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::storage::v1 as upstream;

/// The law of CSINode.
pub(crate) struct CSINode;

impl Strategy for CSINode {
    type Object = upstream::CSINode;

    fn names(&self) -> Names {
        Names::cluster("csinodes", "csinode")
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
                    "drivers is a list of information of all CSI Drivers existing on a node. If all drivers in the list are uninstalled, this can become empty.",
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
