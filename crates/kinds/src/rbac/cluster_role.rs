//! Permissions in the whole cluster.

use crate::{Names, Strategy};
use k8s_openapi::api::rbac::v1 as upstream;

/// The law of ClusterRole.
pub(crate) struct ClusterRole;

impl Strategy for ClusterRole {
    type Object = upstream::ClusterRole;

    fn names(&self) -> Names {
        Names::cluster("clusterroles", "clusterrole")
    }
}
