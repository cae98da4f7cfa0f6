//! Webhooks that change objects on admission.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1 as upstream;

/// The law of MutatingWebhookConfiguration.
pub(crate) struct MutatingWebhookConfiguration;

impl Strategy for MutatingWebhookConfiguration {
    type Object = upstream::MutatingWebhookConfiguration;

    fn names(&self) -> Names {
        Names::cluster(
            "mutatingwebhookconfigurations",
            "mutatingwebhookconfiguration",
        )
        .categories(&["api-extensions"])
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::number(
                    "Webhooks",
                    "Webhooks indicates the number of webhooks registered in this configuration",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::MutatingWebhookConfiguration, now: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            object.webhooks.as_ref().map_or(0, Vec::len).into(),
            columns::age(&object.metadata, now),
        ]
    }
}
