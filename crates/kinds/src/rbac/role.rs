//! Permissions in one namespace.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1 as upstream;
use machinery::field::ErrorList;

/// The law of Role.
pub(crate) struct Role;

impl Strategy for Role {
    type Object = upstream::Role;

    fn names(&self) -> Names {
        Names::namespaced("roles", "role")
    }

    fn validate(&self, object: &upstream::Role) -> ErrorList {
        super::rules::validate(object.rules.as_deref(), true)
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

    fn row(&self, object: &upstream::Role, _: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            columns::created_at(&object.metadata),
        ]
    }
}
