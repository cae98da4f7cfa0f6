//! An identity for pods.

use crate::{Cell, Column, Context, Names, Strategy, Subresource, SubresourceKind, columns};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;

/// The law of ServiceAccount.
pub(crate) struct ServiceAccount;

const ENFORCE: &str = "kubernetes.io/enforce-mountable-secrets";

impl Strategy for ServiceAccount {
    type Object = upstream::ServiceAccount;

    fn names(&self) -> Names {
        Names::namespaced("serviceaccounts", "serviceaccount")
            .returning_deleted()
            .short(&["sa"])
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut upstream::ServiceAccount) {
        only_names(object);
    }

    fn prepare_for_update(
        &self,
        _: &Context<'_>,
        new: &mut upstream::ServiceAccount,
        _: &upstream::ServiceAccount,
    ) {
        only_names(new);
    }

    fn warnings(
        &self,
        new: &upstream::ServiceAccount,
        old: Option<&upstream::ServiceAccount>,
    ) -> Vec<String> {
        let enforces = |it: &upstream::ServiceAccount| {
            let annotations = it.metadata.annotations.as_ref();
            annotations
                .and_then(|it| it.get(ENFORCE))
                .is_some_and(|it| it == "true")
        };
        if enforces(new) && !old.is_some_and(enforces) {
            vec![format!(
                "metadata.annotations[{ENFORCE}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
            )]
        } else {
            Vec::new()
        }
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Secrets",
                    "Secrets is a list of the secrets in the same namespace that pods running using this ServiceAccount are allowed to use. Pods are only limited to this list if this service account has a \"kubernetes.io/enforce-mountable-secrets\" annotation set to \"true\". The \"kubernetes.io/enforce-mountable-secrets\" annotation is deprecated since v1.32. Prefer separate namespaces to isolate access to mounted secrets. This field should not be used to find auto-generated service account token secrets for use outside of pods. Instead, tokens can be requested directly using the TokenRequest API, or service account token secrets can be manually created. More info: https://kubernetes.io/docs/concepts/configuration/secret",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::ServiceAccount, now: Timestamp) -> Vec<Cell> {
        let count = object.secrets.as_ref().map_or(0, Vec::len);
        vec![
            columns::name(&object.metadata),
            count.into(),
            columns::age(&object.metadata, now),
        ]
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[Subresource {
                group: "authentication.k8s.io",
                version: "v1",
                serves: SubresourceKind::Token,
                ..Subresource::action("token", "TokenRequest")
            }]
        }
    }
}

/// Secrets are referred to by name alone.
fn only_names(object: &mut upstream::ServiceAccount) {
    for secret in object.secrets.iter_mut().flatten() {
        *secret = upstream::ObjectReference {
            name: secret.name.take(),
            ..Default::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn secrets_are_names_and_enforcing_warns() {
        let json = json!({"metadata": {"name": "a"}, "secrets": [{"kind": "Secret", "name": "s"}]});
        let mut it = cases::object(&ServiceAccount, &json);
        ServiceAccount.prepare_for_create(&cases::CONTEXT, &mut it);
        let secret = &it.secrets.as_ref().unwrap()[0];
        assert_eq!(
            (secret.kind.as_deref(), secret.name.as_deref()),
            (None, Some("s"))
        );
        assert_eq!(cases::row(&ServiceAccount, json.clone()), "a|1|<unknown>");
        cases::warns(
            &ServiceAccount,
            json,
            &[
                (
                    json!({"metadata": {"annotations": {ENFORCE: "true"}}}),
                    &[
                        "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets",
                    ],
                ),
                (
                    json!({"metadata": {"annotations": {ENFORCE: "false"}}}),
                    &[],
                ),
            ],
        );
    }
}
