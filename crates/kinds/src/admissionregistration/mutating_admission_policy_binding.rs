//! Where a MutatingAdmissionPolicy applies.

use crate::{Names, Strategy};
use k8s_openapi::api::admissionregistration::v1 as upstream;

/// The law of MutatingAdmissionPolicyBinding.
pub(crate) struct MutatingAdmissionPolicyBinding;

impl Strategy for MutatingAdmissionPolicyBinding {
    type Object = upstream::MutatingAdmissionPolicyBinding;

    fn names(&self) -> Names {
        Names::cluster(
            "mutatingadmissionpolicybindings",
            "mutatingadmissionpolicybinding",
        )
        .categories(&["api-extensions"])
    }
}
