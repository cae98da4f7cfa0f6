//! Grants a ClusterRole in the whole cluster.

use crate::{Names, Strategy};
use k8s_openapi::api::rbac::v1 as upstream;

/// The law of ClusterRoleBinding.
pub(crate) struct ClusterRoleBinding;

impl Strategy for ClusterRoleBinding {
    type Object = upstream::ClusterRoleBinding;

    fn names(&self) -> Names {
        Names::cluster("clusterrolebindings", "clusterrolebinding")
    }
}
