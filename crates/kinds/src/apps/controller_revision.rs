//! An immutable snapshot of a workload's template, for rolling back.

use crate::{Cell, Column, Names, Strategy, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1 as upstream;
use machinery::field::{Error, ErrorList, Path};

/// The law of ControllerRevision.
pub(crate) struct ControllerRevision;

impl Strategy for ControllerRevision {
    type Object = upstream::ControllerRevision;

    fn names(&self) -> Names {
        Names::namespaced("controllerrevisions", "controllerrevision")
    }

    fn validate(&self, object: &upstream::ControllerRevision) -> ErrorList {
        let mut errors = revision(object);
        let path = Path::new("data");
        match object.data.as_ref().map(|it| &it.0) {
            None | Some(serde_json::Value::Null) => {
                errors.push(Error::required(&path, "data is mandatory"));
            }
            Some(data) if !data.is_object() => {
                errors.push(Error::required(&path, "data must be a valid JSON object"));
            }
            Some(_) => {}
        }
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::ControllerRevision,
        old: &upstream::ControllerRevision,
    ) -> ErrorList {
        let mut errors = revision(new);
        let data = new.data.as_ref().map(|it| it.0.clone()).unwrap_or_default();
        check::immutable(&mut errors, &Path::new("data"), new.data == old.data, data);
        errors
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

fn revision(object: &upstream::ControllerRevision) -> ErrorList {
    let mut errors = ErrorList::new();
    check::not_negative(&mut errors, &Path::new("revision"), Some(object.revision));
    errors
}
