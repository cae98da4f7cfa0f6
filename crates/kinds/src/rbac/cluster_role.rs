//! Permissions in the whole cluster.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1 as upstream;

/// The law of ClusterRole.
pub(crate) struct ClusterRole;

impl Strategy for ClusterRole {
    type Object = upstream::ClusterRole;

    fn names(&self) -> Names {
        Names::cluster("clusterroles", "clusterrole")
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        machinery::names::path_segment_errors(name)
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        const { &[Column::NAME, Column::CREATED_AT] }
    }

    fn row(&self, object: &upstream::ClusterRole, _: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            columns::created_at(&object.metadata),
        ]
    }
}
