//! How many pods of a set may be away by choice.

use crate::{Cell, Column, Names, Strategy, Subresource, columns};
use jiff::Timestamp;
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

    crate::prepare::spec_and_status!();

    fn unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Min Available",
                    "The minimum number of pods that must be available.",
                ),
                Column::text(
                    "Max Unavailable",
                    "The maximum number of pods that may be unavailable.",
                ),
                Column::number(
                    "Allowed Disruptions",
                    "Calculated number of pods that may be disrupted at this time.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::PodDisruptionBudget, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.clone().unwrap_or_default();
        let shown = |it: Option<&k8s_openapi::apimachinery::pkg::util::intstr::IntOrString>| {
            it.map_or_else(|| "N/A".to_owned(), machinery::int_or_string::text)
        };
        vec![
            columns::name(&object.metadata),
            shown(spec.min_available.as_ref()).into(),
            shown(spec.max_unavailable.as_ref()).into(),
            object
                .status
                .as_ref()
                .and_then(|it| it.disruptions_allowed)
                .into(),
            columns::age(&object.metadata, now),
        ]
    }
}
