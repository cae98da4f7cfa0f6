//! Webhooks that judge objects on admission.

use super::{
    policies,
    webhooks::{self, Hook},
};
use crate::{Cell, Column, Names, Strategy, columns, prepare};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1 as upstream;
use machinery::field::ErrorList;

/// The law of ValidatingWebhookConfiguration.
pub(crate) struct ValidatingWebhookConfiguration;

impl Strategy for ValidatingWebhookConfiguration {
    type Object = upstream::ValidatingWebhookConfiguration;

    fn names(&self) -> Names {
        Names::cluster(
            "validatingwebhookconfigurations",
            "validatingwebhookconfiguration",
        )
        .categories(&["api-extensions"])
    }

    fn default(&self, object: &mut upstream::ValidatingWebhookConfiguration) {
        for hook in object.webhooks.iter_mut().flatten() {
            webhooks::defaults!(hook);
        }
    }

    prepare::generation!(webhooks);

    fn validate(&self, object: &upstream::ValidatingWebhookConfiguration) -> ErrorList {
        webhooks::validate(&hooks(object), None)
    }

    fn validate_update(
        &self,
        new: &upstream::ValidatingWebhookConfiguration,
        old: &upstream::ValidatingWebhookConfiguration,
    ) -> ErrorList {
        webhooks::validate(&hooks(new), Some(&hooks(old)))
    }

    policies::warnings!();

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

    fn row(&self, object: &upstream::ValidatingWebhookConfiguration, now: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            object.webhooks.as_ref().map_or(0, Vec::len).into(),
            columns::age(&object.metadata, now),
        ]
    }
}

fn hooks(object: &upstream::ValidatingWebhookConfiguration) -> Vec<Hook<'_>> {
    object.webhooks.iter().flatten().map(Hook::from).collect()
}
