//! An immutable snapshot of a workload's template, for rolling back.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1 as upstream;

/// The law of ControllerRevision.
pub(crate) struct ControllerRevision;

impl Strategy for ControllerRevision {
    type Object = upstream::ControllerRevision;

    fn names(&self) -> Names {
        Names::namespaced("controllerrevisions", "controllerrevision")
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text("Controller", "Controller of the object"),
                Column::number(
                    "Revision",
                    "Revision indicates the revision of the state represented by Data.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::ControllerRevision, now: Timestamp) -> Vec<Cell> {
        let owner = machinery::owners::controller_of(&object.metadata);
        let controller = owner.map_or_else(
            || columns::NONE.to_owned(),
            |it| {
                let group = it.api_version.split_once('/').map_or("", |it| it.0);
                let kind = it.kind.to_lowercase();
                if group.is_empty() {
                    format!("{kind}/{}", it.name)
                } else {
                    format!("{kind}.{group}/{}", it.name)
                }
            },
        );
        vec![
            columns::name(&object.metadata),
            controller.into(),
            Cell::Number(object.revision),
            columns::age(&object.metadata, now),
        ]
    }
}
