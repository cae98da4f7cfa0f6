//! Health of a control-plane component; deprecated upstream, still listed by `kubectl get cs`.

use crate::{Names, Strategy};
use k8s_openapi::api::core::v1 as upstream;

/// The law of ComponentStatus.
pub(crate) struct ComponentStatus;

impl Strategy for ComponentStatus {
    type Object = upstream::ComponentStatus;

    fn names(&self) -> Names {
        Names::cluster("componentstatuses", "componentstatus")
            .short(&["cs"])
            .verbs(&["get", "list"])
    }
}
