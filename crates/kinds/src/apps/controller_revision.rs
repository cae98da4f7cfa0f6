//! An immutable snapshot of a workload's template, for rolling back.

use crate::{Names, Strategy};
use k8s_openapi::api::apps::v1 as upstream;

/// The law of ControllerRevision.
pub(crate) struct ControllerRevision;

impl Strategy for ControllerRevision {
    type Object = upstream::ControllerRevision;

    fn names(&self) -> Names {
        Names::namespaced("controllerrevisions", "controllerrevision")
    }
}
