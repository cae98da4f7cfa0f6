//! A lock with an expiry: leader election and node heartbeats.

use crate::{
    Cell, Column, Names, Strategy, check, columns,
    gates::{self, Gated},
};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

/// The law of Lease.
pub(crate) struct Lease;

impl Strategy for Lease {
    type Object = upstream::Lease;

    fn names(&self) -> Names {
        Names::namespaced("leases", "lease")
    }

    fn gated(&self) -> &'static [Gated<upstream::Lease>] {
        gates::LEASE
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
        if let Some(spec) = spec {
            strategy(&mut errors, &path, spec);
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

/// How the next holder is chosen, and that someone chooses.
fn strategy(e: &mut ErrorList, path: &Path, spec: &upstream::LeaseSpec) {
    let name = spec.strategy.as_deref();
    // Upstream names the field twice.
    let at = path.child("strategy").child("strategy");
    match name {
        None | Some(OLDEST) => {}
        Some(name) if name.contains('/') => {
            check::messages(e, &at, name, names::qualified_name_errors(name));
        }
        Some(name) => e.push(Error::not_supported(&at, name, &[OLDEST])),
    }
    let preferred = spec.preferred_holder.as_deref().unwrap_or_default();
    if !preferred.is_empty() && name.is_none_or(str::is_empty) {
        let text = "may only be specified if `strategy` is defined";
        e.push(Error::forbidden(&path.child("preferredHolder"), text));
    }
}

const OLDEST: &str = "OldestEmulationVersion";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn errors() {
        let spec = |it| json!({"spec": it});
        cases::creates(
            &Lease,
            json!({"metadata": {"name": "a"}}),
            &[
                (json!({}), &[]),
                (
                    spec(json!({"leaseDurationSeconds": 0, "leaseTransitions": -1})),
                    &[
                        "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                        "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
                    ],
                ),
                (
                    spec(json!({"strategy": "Foo"})),
                    &[
                        "spec.strategy.strategy: Unsupported value: \"Foo\": supported values: \"OldestEmulationVersion\"",
                    ],
                ),
                (
                    spec(json!({"preferredHolder": "b"})),
                    &[
                        "spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined",
                    ],
                ),
            ],
        );
    }
}
