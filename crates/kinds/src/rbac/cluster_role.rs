//! Permissions in the whole cluster.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    labels,
};

/// The law of ClusterRole.
pub(crate) struct ClusterRole;

impl Strategy for ClusterRole {
    type Object = upstream::ClusterRole;

    fn names(&self) -> Names {
        Names::cluster("clusterroles", "clusterrole")
    }

    fn validate(&self, object: &upstream::ClusterRole) -> ErrorList {
        let mut errors = super::rules::validate(object.rules.as_deref(), false);
        if let Some(it) = &object.aggregation_rule {
            let path = Path::new("aggregationRule").child("clusterRoleSelectors");
            let selectors = it.cluster_role_selectors.as_deref().unwrap_or_default();
            if selectors.is_empty() {
                let text =
                    "at least one clusterRoleSelector required if aggregationRule is non-nil";
                errors.push(Error::required(&path, text));
            }
            for (index, it) in selectors.iter().enumerate() {
                let path = path.index(index);
                errors.extend(labels::validate(it, &path));
                // Upstream reads it once more, and shows nothing of what it could not read.
                if labels::Selector::from_typed(Some(it)).is_err() {
                    errors.push(Error::invalid(&path, "null", "invalid label selector."));
                }
            }
        }
        errors
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cases, rbac::role::Role};
    use serde_json::json;

    #[test]
    fn errors() {
        let base = json!({"metadata": {"name": "a"}});
        let rule = |it| json!({"rules": [it]});
        let urls = || rule(json!({"verbs": ["get"], "nonResourceURLs": ["/a"]}));
        cases::creates(
            &ClusterRole,
            base.clone(),
            &[
                (json!({}), &[]),
                (urls(), &[]),
                (
                    rule(json!({"verbs": []})),
                    &[
                        "rules[0].verbs: Required value: verbs must contain at least one value",
                        "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                        "rules[0].resources: Required value: resource rules must supply at least one resource",
                    ],
                ),
                (
                    rule(
                        json!({"verbs": ["get"], "nonResourceURLs": ["/a"], "resources": ["pods"]}),
                    ),
                    &[
                        "rules[0].nonResourceURLs: Invalid value: [\"/a\"]: rules cannot apply to both regular resources and non-resource URLs",
                    ],
                ),
                (
                    json!({"aggregationRule": {}}),
                    &[
                        "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
                    ],
                ),
                (
                    json!({"aggregationRule": {"clusterRoleSelectors": [{"matchExpressions": [{"key": "a", "operator": "x"}]}]}}),
                    &[
                        "aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: \"x\": not a valid selector operator",
                        "aggregationRule.clusterRoleSelectors[0]: Invalid value: \"null\": invalid label selector.",
                    ],
                ),
            ],
        );
        cases::creates(
            &Role,
            base,
            &[(
                urls(),
                &[
                    "rules[0].nonResourceURLs: Invalid value: [\"/a\"]: namespaced rules cannot apply to non-resource URLs",
                ],
            )],
        );
    }
}
