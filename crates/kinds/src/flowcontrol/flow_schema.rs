//! Sorts requests into priority levels.

mod validate;

use crate::{Cell, Column, Names, Strategy, Subresource, columns};
use jiff::Timestamp;
use k8s_openapi::api::flowcontrol::v1 as upstream;
use machinery::{
    apply::Resets,
    field::{Error, ErrorList, Path},
};

/// The law of FlowSchema.
pub(crate) struct FlowSchema;

impl Strategy for FlowSchema {
    type Object = upstream::FlowSchema;

    fn names(&self) -> Names {
        Names::cluster("flowschemas", "flowschema")
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("FlowSchema").resetting(Resets::SPEC_AND_METADATA)] }
    }

    crate::prepare::spec_and_status!();

    fn default(&self, object: &mut upstream::FlowSchema) {
        let precedence = object.spec.as_mut().map(|it| &mut it.matching_precedence);
        if let Some(precedence) = precedence.filter(|it| it.unwrap_or(0) == 0) {
            *precedence = Some(1000);
        }
    }

    fn validate(&self, object: &upstream::FlowSchema) -> ErrorList {
        validate::flow_schema(object)
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::FlowSchema,
        _: &upstream::FlowSchema,
    ) -> ErrorList {
        let conditions = new
            .status
            .iter()
            .flat_map(|it| it.conditions.iter().flatten());
        conditions_of(conditions.map(|it| it.type_.as_deref().unwrap_or_default()))
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "PriorityLevel",
                    "`name` is the name of the priority level configuration being referenced Required.",
                ),
                Column::text(
                    "MatchingPrecedence",
                    "`matchingPrecedence` is used to choose among the FlowSchemas that match a given request. The chosen FlowSchema is among those with the numerically lowest (which we take to be logically highest) MatchingPrecedence.  Each MatchingPrecedence value must be ranged in [1,10000]. Note that if the precedence is not specified, it will be set to 1000 as default.",
                ),
                Column::text(
                    "DistinguisherMethod",
                    "`distinguisherMethod` defines how to compute the flow distinguisher for requests that match this schema. `nil` specifies that the distinguisher is disabled and thus will always be the empty string.",
                ),
                Column::AGE,
                Column::text(
                    "MissingPL",
                    "references a broken or non-existent PriorityLevelConfiguration",
                ),
            ]
        }
    }

    fn row(&self, object: &upstream::FlowSchema, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.clone().unwrap_or_default();
        let method = spec.distinguisher_method.map(|it| it.type_);
        let mut conditions = object
            .status
            .iter()
            .flat_map(|it| it.conditions.iter().flatten());
        let dangling = conditions.find(|it| it.type_.as_deref() == Some("Dangling"));
        vec![
            columns::name(&object.metadata),
            spec.priority_level_configuration.name.into(),
            spec.matching_precedence.into(),
            columns::or(method.as_ref(), "<none>"),
            columns::age(&object.metadata, now),
            columns::or(dangling.and_then(|it| it.status.as_ref()), "?"),
        ]
    }
}

/// Errors of the types of conditions: each there, none twice.
pub(super) fn conditions_of<'a>(types: impl Iterator<Item = &'a str>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut seen = Vec::new();
    for (index, kind) in types.enumerate() {
        let path = Path::new("status").child("conditions").index(index);
        let path = path.child("type");
        if seen.contains(&kind) {
            errors.push(Error::duplicate(&path, kind));
        }
        seen.push(kind);
        if kind.is_empty() {
            errors.push(Error::required(&path, "must not be empty"));
        }
    }
    errors
}

#[cfg(test)]
mod tests;
