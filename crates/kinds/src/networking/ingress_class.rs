//! Which controller implements an Ingress.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::networking::v1 as upstream;

/// The law of IngressClass.
pub(crate) struct IngressClass;

impl Strategy for IngressClass {
    type Object = upstream::IngressClass;

    fn names(&self) -> Names {
        Names::cluster("ingressclasses", "ingressclass")
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Controller",
                    "Controller that is responsible for handling this class",
                ),
                Column::text(
                    "Parameters",
                    "A reference to a resource with additional parameters",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::IngressClass, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.clone().unwrap_or_default();
        let parameters = spec.parameters.as_ref().map_or_else(
            || columns::NONE.to_owned(),
            |it| match &it.api_group {
                Some(group) => format!("{}.{group}/{}", it.kind, it.name),
                None => format!("{}/{}", it.kind, it.name),
            },
        );
        vec![
            columns::name(&object.metadata),
            columns::or(spec.controller.as_ref(), ""),
            parameters.into(),
            columns::age(&object.metadata, now),
        ]
    }
}
