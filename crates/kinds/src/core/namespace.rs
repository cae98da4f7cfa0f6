//! A scope for names, and its life cycle.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::core::v1 as upstream;

/// The law of Namespace.
pub(crate) struct Namespace;

impl Strategy for Namespace {
    type Object = upstream::Namespace;

    fn names(&self) -> Names {
        Names::cluster("namespaces", "namespace")
            .short(&["ns"])
            .verbs(&[
                "create", "delete", "get", "list", "patch", "update", "watch",
            ])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[
                Subresource::part("finalize", "Namespace", &["update"]),
                Subresource::status("Namespace"),
            ]
        }
    }
}
