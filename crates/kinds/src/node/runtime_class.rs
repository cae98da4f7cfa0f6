//! A container runtime configuration.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::node::v1 as upstream;

/// The law of RuntimeClass.
pub(crate) struct RuntimeClass;

impl Strategy for RuntimeClass {
    type Object = upstream::RuntimeClass;

    fn names(&self) -> Names {
        Names::cluster("runtimeclasses", "runtimeclass")
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
