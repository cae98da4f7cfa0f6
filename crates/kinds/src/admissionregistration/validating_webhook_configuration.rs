//! Webhooks that judge objects on admission.

use crate::{Names, Strategy};
use k8s_openapi::api::admissionregistration::v1 as upstream;

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
}
