//! A range from which service addresses are taken.

use crate::{Cell, Column, Names, Strategy, Subresource, columns};
use jiff::Timestamp;
use k8s_openapi::api::networking::v1 as upstream;

/// The law of ServiceCIDR.
pub(crate) struct ServiceCIDR;

impl Strategy for ServiceCIDR {
    type Object = upstream::ServiceCIDR;

    fn names(&self) -> Names {
        Names::cluster("servicecidrs", "servicecidr")
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("ServiceCIDR")] }
    }

    crate::prepare::spec_and_status!();

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "CIDRs",
                    "CIDRs defines the IP blocks in CIDR notation (e.g. \"192.168.0.0/24\" or \"2001:db8::/64\") from which to assign service cluster IPs. Max of two CIDRs is allowed, one of each IP family. This field is immutable.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::ServiceCIDR, now: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            object
                .spec
                .iter()
                .flat_map(|it| it.cidrs.iter().flatten().cloned())
                .collect::<Vec<_>>()
                .join(",")
                .into(),
            columns::age(&object.metadata, now),
        ]
    }
}
