//! Where a MutatingAdmissionPolicy applies.

use super::{mutating_admission_policy::OPERATIONS, policies, rules};
use crate::{Cell, Column, Names, Strategy, columns, prepare};
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1 as upstream;
use machinery::field::{ErrorList, Path};

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

    fn default(&self, object: &mut upstream::MutatingAdmissionPolicyBinding) {
        let spec = object.spec.as_mut();
        if let Some(matches) = spec.and_then(|it| it.match_resources.as_mut()) {
            rules::default_matches(matches);
        }
    }

    prepare::generation!(spec);

    fn validate(&self, object: &upstream::MutatingAdmissionPolicyBinding) -> ErrorList {
        let mut errors = ErrorList::new();
        let (e, path) = (&mut errors, Path::new("spec"));
        let empty = upstream::MutatingAdmissionPolicyBindingSpec::default();
        let spec = object.spec.as_ref().unwrap_or(&empty);
        policies::policy_name(e, &path.child("policyName"), spec.policy_name.as_ref());
        if let Some(reference) = &spec.param_ref {
            policies::param_ref(e, &path.child("paramRef"), reference);
        }
        if let Some(matches) = &spec.match_resources {
            let at = path.child("matchResources");
            rules::matches(e, &at, matches);
            policies::operations(e, &at, matches, Some(OPERATIONS));
        }
        errors
    }

    policies::warnings!();

    fn unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        policies::BINDING_COLUMNS
    }

    fn row(&self, object: &upstream::MutatingAdmissionPolicyBinding, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.as_ref();
        let policy = spec.and_then(|it| it.policy_name.as_ref());
        vec![
            columns::name(&object.metadata),
            columns::or(policy, ""),
            policies::reference_cell(spec.and_then(|it| it.param_ref.as_ref())),
            columns::age(&object.metadata, now),
        ]
    }
}
