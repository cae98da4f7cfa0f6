//! Where a ValidatingAdmissionPolicy applies.

use crate::{Names, Strategy};
use k8s_openapi::api::admissionregistration::v1 as upstream;

/// The law of ValidatingAdmissionPolicyBinding.
pub(crate) struct ValidatingAdmissionPolicyBinding;

impl Strategy for ValidatingAdmissionPolicyBinding {
    type Object = upstream::ValidatingAdmissionPolicyBinding;

    fn names(&self) -> Names {
        Names::cluster(
            "validatingadmissionpolicybindings",
            "validatingadmissionpolicybinding",
        )
        .categories(&["api-extensions"])
    }
}
