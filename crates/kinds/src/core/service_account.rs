//! An identity for pods.

use crate::{Cell, Column, Names, Strategy, Subresource, SubresourceKind, columns};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;

/// The law of ServiceAccount.
pub(crate) struct ServiceAccount;

impl Strategy for ServiceAccount {
    type Object = upstream::ServiceAccount;

    fn names(&self) -> Names {
        Names::namespaced("serviceaccounts", "serviceaccount").short(&["sa"])
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
