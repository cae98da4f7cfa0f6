//! CEL expressions that change objects on admission.

use crate::{Names, Strategy};
use k8s_openapi::api::admissionregistration::v1 as upstream;

/// The law of MutatingAdmissionPolicy.
pub(crate) struct MutatingAdmissionPolicy;

impl Strategy for MutatingAdmissionPolicy {
    type Object = upstream::MutatingAdmissionPolicy;

    fn names(&self) -> Names {
        Names::cluster("mutatingadmissionpolicies", "mutatingadmissionpolicy")
            .categories(&["api-extensions"])
    }
}
