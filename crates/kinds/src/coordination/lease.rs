//! A lock with an expiry: leader election and node heartbeats.

use crate::{Names, Strategy};
use k8s_openapi::api::coordination::v1 as upstream;

/// The law of Lease.
pub(crate) struct Lease;

impl Strategy for Lease {
    type Object = upstream::Lease;

    fn names(&self) -> Names {
        Names::namespaced("leases", "lease")
    }
}
