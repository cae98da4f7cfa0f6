//! A CSI volume driver and what it needs.

use crate::{Names, Strategy};
use k8s_openapi::api::storage::v1 as upstream;

/// The law of CSIDriver.
pub(crate) struct CSIDriver;

impl Strategy for CSIDriver {
    type Object = upstream::CSIDriver;

    fn names(&self) -> Names {
        Names::cluster("csidrivers", "csidriver")
    }
}
