//! A named pod priority.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::scheduling::v1 as upstream;

/// The law of PriorityClass.
pub(crate) struct PriorityClass;

impl Strategy for PriorityClass {
    type Object = upstream::PriorityClass;

    fn names(&self) -> Names {
        Names::cluster("priorityclasses", "priorityclass").short(&["pc"])
    }

    fn default(&self, object: &mut upstream::PriorityClass) {
        object.value.get_or_insert(0);
        object
            .preemption_policy
            .get_or_insert_with(|| "PreemptLowerPriority".to_owned());
    }

    fn validate_update(
        &self,
        new: &upstream::PriorityClass,
        old: &upstream::PriorityClass,
    ) -> machinery::field::ErrorList {
        let mut errors = self.validate(new);
        for (field, same) in [
            ("value", new.value == old.value),
            (
                "preemptionPolicy",
                new.preemption_policy == old.preemption_policy,
            ),
        ] {
            if !same {
                let path = machinery::field::Path::new(field);
                errors.push(machinery::field::Error::forbidden(
                    &path,
                    "may not be changed in an update.",
                ));
            }
        }
        errors
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::number(
                    "Value",
                    "value represents the integer value of this priority class. This is the actual priority that pods receive when they have the name of this class in their pod spec.",
                ),
                Column {
                    kind: "boolean",
                    ..Column::text(
                        "Global-Default",
                        "globalDefault specifies whether this PriorityClass should be considered as the default priority for pods that do not have any priority class. Only one PriorityClass can be marked as `globalDefault`. However, if more than one PriorityClasses exists with their `globalDefault` field set to true, the smallest value of such global default PriorityClasses will be used as the default priority.",
                    )
                },
                Column::AGE,
                Column::text(
                    "PreemptionPolicy",
                    "preemptionPolicy is the Policy for preempting pods with lower priority. One of Never, PreemptLowerPriority. Defaults to PreemptLowerPriority if unset.",
                ),
            ]
        }
    }

    fn row(&self, object: &upstream::PriorityClass, now: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            object.value.into(),
            Cell::Truth(object.global_default == Some(true)),
            columns::age(&object.metadata, now),
            columns::or(object.preemption_policy.as_ref(), columns::UNSET),
        ]
    }
}
