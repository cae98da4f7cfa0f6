//! A container runtime configuration.

use crate::{Cell, Column, Names, Strategy, amounts, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::{core::v1::Toleration, node::v1 as upstream};
use machinery::{
    field::{Error, ErrorList, Path, Value},
    labels, names,
};
use serde_json::json;

/// The law of RuntimeClass.
pub(crate) struct RuntimeClass;

impl Strategy for RuntimeClass {
    type Object = upstream::RuntimeClass;

    fn names(&self) -> Names {
        Names::cluster("runtimeclasses", "runtimeclass")
    }

    fn validate(&self, object: &upstream::RuntimeClass) -> ErrorList {
        let mut errors = ErrorList::new();
        let found = names::label_errors(&object.handler);
        check::messages(&mut errors, &Path::new("handler"), &object.handler, found);
        let overhead = object
            .overhead
            .iter()
            .flat_map(|it| it.pod_fixed.iter().flatten());
        for (name, amount) in overhead {
            let path = Path::new("overhead").child("limits").key(name);
            amounts::container_name(&mut errors, &path, name);
            amounts::amount(&mut errors, &path, name, amount);
        }
        let scheduling = object.scheduling.as_ref();
        if let Some(selector) = scheduling.and_then(|it| it.node_selector.as_ref()) {
            let path = Path::new("scheduling").child("nodeSelector");
            errors.extend(labels::validate_labels(selector, &path));
        }
        if let Some(list) = scheduling.and_then(|it| it.tolerations.as_deref()) {
            let path = Path::new("scheduling").child("tolerations");
            // Upstream names the list twice.
            let at = path.child("tolerations");
            crate::pod_spec::scheduling::tolerations(&mut errors, &at, list);
            let key = |it: &Toleration| {
                let it = it.clone();
                [it.key, it.operator, it.value, it.effect].map(Option::unwrap_or_default)
            };
            for (index, it) in list.iter().enumerate() {
                if list[..index].iter().any(|before| key(before) == key(it)) {
                    let [name, operator, value, effect] = key(it);
                    let [name, operator, value, effect] =
                        [name, operator, value, effect].map(|it| json!(it));
                    let seconds = json!(it.toleration_seconds);
                    let shown = format!(
                        r#"{{"Key":{name},"Operator":{operator},"Value":{value},"Effect":{effect},"TolerationSeconds":{seconds}}}"#
                    );
                    errors.push(Error::duplicate(&path.index(index), Value::shown(shown)));
                }
            }
        }
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::RuntimeClass,
        old: &upstream::RuntimeClass,
    ) -> ErrorList {
        let mut errors = self.validate(new);
        let same = new.handler == old.handler;
        check::immutable(&mut errors, &Path::new("handler"), same, &new.handler);
        errors
    }

    fn warnings(
        &self,
        new: &upstream::RuntimeClass,
        _: Option<&upstream::RuntimeClass>,
    ) -> Vec<String> {
        let selector = new
            .scheduling
            .iter()
            .flat_map(|it| it.node_selector.iter().flatten());
        let texts = selector.filter_map(|it| crate::node_labels::deprecated(it.0));
        texts
            .map(|text| format!("scheduling.nodeSelector: {text}"))
            .collect()
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Handler",
                    "handler specifies the underlying runtime and configuration that the CRI implementation will use to handle pods of this class. The possible values are specific to the node & CRI configuration.  It is assumed that all handlers are available on every node, and handlers of the same name are equivalent on every node. For example, a handler called \"runc\" might specify that the runc OCI runtime (using native Linux containers) will be used to run the containers in a pod. The Handler must be lowercase, conform to the DNS Label (RFC 1123) requirements, and is immutable.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::RuntimeClass, now: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            object.handler.clone().into(),
            columns::age(&object.metadata, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    #[test]
    fn errors_and_warnings() {
        let base = json!({"metadata": {"name": "a"}, "handler": "h"});
        cases::creates(
            &RuntimeClass,
            base.clone(),
            &[
                (json!({}), &[]),
                (
                    json!({"scheduling": {"tolerations": [{"key": "k", "operator": "Exists"}, {"key": "k", "operator": "Exists"}, {"operator": "x", "key": "k"}]}}),
                    &[
                        "scheduling.tolerations.tolerations[2].operator: Unsupported value: \"x\": supported values: \"Equal\", \"Exists\"",
                        "scheduling.tolerations[1]: Duplicate value: {\"Key\":\"k\",\"Operator\":\"Exists\",\"Value\":\"\",\"Effect\":\"\",\"TolerationSeconds\":null}",
                    ],
                ),
                (
                    json!({"overhead": {"podFixed": {"cpu": "-1"}}}),
                    &[
                        "overhead.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0",
                    ],
                ),
            ],
        );
        cases::updates(
            &RuntimeClass,
            base.clone(),
            &[(
                json!({"handler": "i"}),
                &["handler: Invalid value: \"i\": field is immutable"],
            )],
        );
        cases::warns(
            &RuntimeClass,
            base,
            &[(
                json!({"scheduling": {"nodeSelector": {"beta.kubernetes.io/arch": "a"}}}),
                &[
                    "scheduling.nodeSelector: deprecated since v1.14; use \"kubernetes.io/arch\" instead",
                ],
            )],
        );
    }
}
