//! CEL expressions that judge objects on admission.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::admissionregistration::v1 as upstream;

/// The law of ValidatingAdmissionPolicy.
pub(crate) struct ValidatingAdmissionPolicy;

impl Strategy for ValidatingAdmissionPolicy {
    type Object = upstream::ValidatingAdmissionPolicy;

    fn names(&self) -> Names {
        Names::cluster("validatingadmissionpolicies", "validatingadmissionpolicy")
            .categories(&["api-extensions"])
    }

    crate::prepare::spec_and_status!();

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("ValidatingAdmissionPolicy")] }
    }
}
