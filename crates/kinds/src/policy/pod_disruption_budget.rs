//! How many pods of a set may be away by choice.

use crate::{Cell, Column, Names, Strategy, Subresource, check, columns, workload};
use jiff::Timestamp;
use k8s_openapi::api::policy::v1 as upstream;
use machinery::field::{Error, ErrorList, Path, Value};

const POLICIES: &[&str] = &["AlwaysAllow", "IfHealthyBudget"];

/// The law of PodDisruptionBudget.
pub(crate) struct PodDisruptionBudget;

impl Strategy for PodDisruptionBudget {
    type Object = upstream::PodDisruptionBudget;

    fn names(&self) -> Names {
        Names::namespaced("poddisruptionbudgets", "poddisruptionbudget").short(&["pdb"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("PodDisruptionBudget")] }
    }

    crate::prepare::spec_and_status!(upstream::PodDisruptionBudgetStatus {
        current_healthy: Some(0),
        desired_healthy: Some(0),
        disruptions_allowed: Some(0),
        expected_pods: Some(0),
        ..Default::default()
    });

    fn validate(&self, object: &upstream::PodDisruptionBudget) -> ErrorList {
        let mut errors = ErrorList::new();
        let e = &mut errors;
        let path = Path::new("spec");
        let spec = object.spec.clone().unwrap_or_default();
        if spec.min_available.is_some() && spec.max_unavailable.is_some() {
            let text = "minAvailable and maxUnavailable cannot be both set";
            let count = |it: &Option<_>| it.as_ref().map_or(Value::shown("null"), workload::shown);
            let selector = spec.selector.as_ref();
            let shown = Value::fields([
                ("MinAvailable", count(&spec.min_available)),
                (
                    "Selector",
                    selector.map_or(Value::shown("null"), |it| check::shown(Some(it))),
                ),
                ("MaxUnavailable", count(&spec.max_unavailable)),
                (
                    "UnhealthyPodEvictionPolicy",
                    serde_json::json!(spec.unhealthy_pod_eviction_policy).into(),
                ),
            ]);
            e.push(Error::invalid(&path, shown, text));
        }
        for (field, count) in [
            ("minAvailable", &spec.min_available),
            ("maxUnavailable", &spec.max_unavailable),
        ] {
            let path = path.child(field);
            workload::count_or_percent(e, &path, count.as_ref());
            workload::not_above_all(e, &path, count.as_ref());
        }
        if let Some(selector) = &spec.selector {
            e.extend(machinery::labels::validate(
                selector,
                &path.child("selector"),
            ));
        }
        let policy = spec.unhealthy_pod_eviction_policy.as_deref();
        if let Some(policy) = policy.filter(|it| !POLICIES.contains(it)) {
            let path = path.child("unhealthyPodEvictionPolicy");
            e.push(Error::not_supported(&path, policy, POLICIES));
        }
        errors
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::PodDisruptionBudget,
        _: &upstream::PodDisruptionBudget,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("status");
        let it = new.status.clone().unwrap_or_default();
        let conditions = it.conditions.as_deref().unwrap_or_default();
        check::conditions(&mut errors, &path.child("conditions"), conditions);
        let wide = |it: Option<i32>| it.map(i64::from);
        let table = [
            ("disruptionsAllowed", wide(it.disruptions_allowed)),
            ("currentHealthy", wide(it.current_healthy)),
            ("desiredHealthy", wide(it.desired_healthy)),
            ("expectedPods", wide(it.expected_pods)),
        ];
        workload::counts(&mut errors, &path, &table);
        errors
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Min Available",
                    "The minimum number of pods that must be available.",
                ),
                Column::text(
                    "Max Unavailable",
                    "The maximum number of pods that may be unavailable.",
                ),
                Column::number(
                    "Allowed Disruptions",
                    "Calculated number of pods that may be disrupted at this time.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::PodDisruptionBudget, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.clone().unwrap_or_default();
        let shown = |it: Option<&k8s_openapi::apimachinery::pkg::util::intstr::IntOrString>| {
            it.map_or_else(|| "N/A".to_owned(), machinery::int_or_string::text)
        };
        vec![
            columns::name(&object.metadata),
            shown(spec.min_available.as_ref()).into(),
            shown(spec.max_unavailable.as_ref()).into(),
            object
                .status
                .as_ref()
                .and_then(|it| it.disruptions_allowed)
                .into(),
            columns::age(&object.metadata, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;
    use serde_json::{Value, json};

    #[test]
    fn errors_are_upstreams() {
        let check = |spec: Value, expected: &[&str]| {
            let json = json!({"metadata": {"name": "x"}, "spec": spec}).to_string();
            let it = upstream::PodDisruptionBudget::decode(json.as_bytes()).unwrap();
            let errors = PodDisruptionBudget.validate(&it);
            let shown: Vec<_> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(shown, expected);
        };
        check(json!({"minAvailable": "50%"}), &[]);
        check(
            json!({"minAvailable": 1, "maxUnavailable": 1}),
            &[
                r#"spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set"#,
            ],
        );
        check(
            json!({"minAvailable": "120%", "unhealthyPodEvictionPolicy": "Never"}),
            &[
                r#"spec.minAvailable: Invalid value: "120%": must not be greater than 100%"#,
                r#"spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget""#,
            ],
        );
        check(
            json!({"maxUnavailable": -1}),
            &["spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0"],
        );
    }
}
