//! The CSI drivers on a node.

use crate::{Names, Strategy};
use k8s_openapi::api::storage::v1 as upstream;

/// The law of CSINode.
pub(crate) struct CSINode;

impl Strategy for CSINode {
    type Object = upstream::CSINode;

    fn names(&self) -> Names {
        Names::cluster("csinodes", "csinode")
    }
}
