//! A named pod priority.

use crate::{Cell, Column, Names, Strategy, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::scheduling::v1 as upstream;
use machinery::field::{Error, ErrorList, Path};

/// The law of PriorityClass.
pub(crate) struct PriorityClass;

/// The highest priority that a user may define.
const HIGHEST: i32 = 1_000_000_000;
const POLICIES: &[&str] = &["PreemptLowerPriority", "Never"];
/// Classes that come with every cluster.
const SYSTEM: &[(&str, i32)] = &[
    ("system-node-critical", 2_000_001_000),
    ("system-cluster-critical", 2_000_000_000),
];

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

    fn prepare_for_create(&self, _: &crate::Context<'_>, object: &mut upstream::PriorityClass) {
        crate::prepare::first_generation(&mut object.metadata);
    }

    fn validate(&self, object: &upstream::PriorityClass) -> ErrorList {
        let mut errors = ErrorList::new();
        let name = object.metadata.name.as_deref().unwrap_or_default();
        if name.starts_with("system-") {
            if let Some(fault) = system(object, name) {
                let path = Path::new("metadata").child("name");
                let text = format!(
                    "priority class names with 'system-' prefix are reserved for system use only. error: {fault}"
                );
                errors.push(Error::forbidden(&path, &text));
            }
        } else if object.value.unwrap_or(0) > HIGHEST {
            let text = format!("maximum allowed value of a user defined priority is {HIGHEST}");
            errors.push(Error::forbidden(&Path::new("value"), &text));
        }
        let path = Path::new("preemptionPolicy");
        let policy = object.preemption_policy.as_ref();
        check::maybe_one_of(&mut errors, &path, policy, POLICIES);
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::PriorityClass,
        old: &upstream::PriorityClass,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        if new.value.unwrap_or(0) != old.value.unwrap_or(0) {
            let text = "may not be changed in an update.";
            errors.push(Error::forbidden(&Path::new("value"), text));
        }
        let same = new.preemption_policy == old.preemption_policy;
        let shown = new.preemption_policy.clone().unwrap_or_default();
        check::immutable(&mut errors, &Path::new("preemptionPolicy"), same, shown);
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

/// Why a class may not bear a system name.
fn system(object: &upstream::PriorityClass, name: &str) -> Option<String> {
    let Some((_, value)) = SYSTEM.iter().find(|it| it.0 == name) else {
        return Some(format!("{name} is not a known system priority class"));
    };
    if object.value != Some(*value) {
        return Some(format!("value of {name} PriorityClass must be {value}"));
    }
    let global = object.global_default == Some(true);
    global.then(|| format!("globalDefault of {name} PriorityClass must be false"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn errors() {
        const RESERVED: &str = "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error:";
        let base = json!({"metadata": {"name": "a"}, "value": 1});
        let named = |name: &str, value: i32| json!({"metadata": {"name": name}, "value": value});
        cases::creates(
            &PriorityClass,
            base.clone(),
            &[
                (json!({}), &[]),
                (named("system-node-critical", 2_000_001_000), &[]),
                (
                    named("system-node-critical", 1),
                    &[&format!(
                        "{RESERVED} value of system-node-critical PriorityClass must be 2000001000"
                    )],
                ),
                (
                    named("system-a", 1),
                    &[&format!(
                        "{RESERVED} system-a is not a known system priority class"
                    )],
                ),
                (
                    named("a", 1_000_000_001),
                    &[
                        "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
                    ],
                ),
                (
                    json!({"preemptionPolicy": "Foo"}),
                    &[
                        "preemptionPolicy: Unsupported value: \"Foo\": supported values: \"PreemptLowerPriority\", \"Never\"",
                    ],
                ),
            ],
        );
        cases::updates(
            &PriorityClass,
            base,
            &[
                (json!({"globalDefault": true}), &[]),
                (
                    json!({"value": 2, "preemptionPolicy": "Never"}),
                    &[
                        "value: Forbidden: may not be changed in an update.",
                        "preemptionPolicy: Invalid value: \"Never\": field is immutable",
                    ],
                ),
            ],
        );
    }
}
