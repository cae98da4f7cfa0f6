//! How many pods of a set may be away by choice.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::policy::v1 as upstream;

/// The law of PodDisruptionBudget.
pub(crate) struct PodDisruptionBudget;

impl Strategy for PodDisruptionBudget {
    type Object = upstream::PodDisruptionBudget;

    fn names(&self) -> Names {
        Names::namespaced("poddisruptionbudgets", "poddisruptionbudget").short(&["pdb"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("PodDisruptionBudget")] }
    }
}
