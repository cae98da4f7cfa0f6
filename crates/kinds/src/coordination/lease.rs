//! A lock with an expiry: leader election and node heartbeats.

use crate::{Cell, Column, Names, Strategy, columns};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1 as upstream;
use machinery::field::{Error, ErrorList, Path};

/// The law of Lease.
pub(crate) struct Lease;

impl Strategy for Lease {
    type Object = upstream::Lease;

    fn names(&self) -> Names {
        Names::namespaced("leases", "lease")
    }

    fn validate(&self, object: &upstream::Lease) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec");
        let spec = object.spec.as_ref();
        if let Some(seconds) = spec
            .and_then(|it| it.lease_duration_seconds)
            .filter(|it| *it <= 0)
        {
            errors.push(Error::invalid(
                &path.child("leaseDurationSeconds"),
                seconds,
                "must be greater than 0",
            ));
        }
        if let Some(count) = spec
            .and_then(|it| it.lease_transitions)
            .filter(|it| *it < 0)
        {
            errors.push(Error::invalid(
                &path.child("leaseTransitions"),
                count,
                "must be greater than or equal to 0",
            ));
        }
        errors
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Holder",
                    "holderIdentity contains the identity of the holder of a current lease. If Coordinated Leader Election is used, the holder identity must be equal to the elected LeaseCandidate.metadata.name field.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::Lease, now: Timestamp) -> Vec<Cell> {
        let holder = object
            .spec
            .as_ref()
            .and_then(|it| it.holder_identity.as_ref());
        vec![
            columns::name(&object.metadata),
            columns::or(holder, ""),
            columns::age(&object.metadata, now),
        ]
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}
