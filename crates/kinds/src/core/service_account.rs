//! An identity for pods.

use crate::{Names, Strategy, Subresource, SubresourceKind};
use k8s_openapi::api::core::v1 as upstream;

/// The law of ServiceAccount.
pub(crate) struct ServiceAccount;

impl Strategy for ServiceAccount {
    type Object = upstream::ServiceAccount;

    fn names(&self) -> Names {
        Names::namespaced("serviceaccounts", "serviceaccount").short(&["sa"])
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
