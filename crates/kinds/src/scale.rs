//! What `kubectl get --subresource=scale` shows of a Scale, whatever it scales.

use crate::{Cell, Column, columns};
use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v1::Scale;

/// The columns.
#[must_use]
pub fn columns() -> &'static [Column] {
    const {
        &[
            Column::NAME,
            Column::number(
                "Desired",
                "replicas is the desired number of instances for the scaled object.",
            ),
            Column::number(
                "Available",
                "replicas is the actual number of observed instances of the scaled object.",
            ),
            Column::AGE,
        ]
    }
}

/// The cells of one Scale, one for each column.
#[must_use]
pub fn row(scale: &Scale, now: Timestamp) -> Vec<Cell> {
    let wanted = scale.spec.as_ref().and_then(|spec| spec.replicas);
    let present = scale.status.as_ref().map_or(0, |status| status.replicas);
    vec![
        columns::name(&scale.metadata),
        Cell::Number(wanted.unwrap_or(0).into()),
        Cell::Number(present.into()),
        columns::age(&scale.metadata, now),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object as _;

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let scale = Scale::decode(br#"{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"a","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"replicas":3},"status":{"replicas":2}}"#).unwrap();
        let cells = row(&scale, "2026-01-01T00:01:00Z".parse().unwrap());
        let text = |text: &str| Cell::Text(text.to_owned());
        assert_eq!(
            cells,
            [text("a"), Cell::Number(3), Cell::Number(2), text("60s")]
        );
        assert_eq!(cells.len(), columns().len());
    }
}
