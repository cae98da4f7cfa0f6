//! Webhooks that change objects on admission.

use crate::{Names, Strategy};
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
}
