//! A service address in use; the claim that makes it unique.

use crate::{Names, Strategy};
use k8s_openapi::api::networking::v1 as upstream;

/// The law of IPAddress.
pub(crate) struct IPAddress;

impl Strategy for IPAddress {
    type Object = upstream::IPAddress;

    fn names(&self) -> Names {
        Names::cluster("ipaddresses", "ipaddress").short(&["ip"])
    }
}
