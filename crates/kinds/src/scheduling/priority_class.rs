//! A named pod priority.

use crate::{Names, Strategy};
use k8s_openapi::api::scheduling::v1 as upstream;

/// The law of PriorityClass.
pub(crate) struct PriorityClass;

impl Strategy for PriorityClass {
    type Object = upstream::PriorityClass;

    fn names(&self) -> Names {
        Names::cluster("priorityclasses", "priorityclass").short(&["pc"])
    }
}
