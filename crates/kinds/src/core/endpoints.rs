//! Addresses behind a service in the old form; EndpointSlice replaces it.

#[cfg(test)]
mod tests;
mod validate;

use crate::{
    Cell, Column, Names, Strategy,
    columns::{self, NONE},
    pod_spec::defaults::text,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;
use machinery::{addresses::with_port, field::ErrorList};

/// The law of Endpoints.
pub(crate) struct Endpoints;

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";

impl Strategy for Endpoints {
    type Object = upstream::Endpoints;

    fn names(&self) -> Names {
        Names::namespaced("endpoints", "endpoints")
            .short(&["ep"])
            .deprecated(
                "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
            )
    }

    fn default(&self, object: &mut upstream::Endpoints) {
        for subset in object.subsets.iter_mut().flatten() {
            for port in subset.ports.iter_mut().flatten() {
                text(&mut port.protocol, "TCP");
            }
        }
    }

    fn validate(&self, object: &upstream::Endpoints) -> ErrorList {
        validate::endpoints(object, &[])
    }

    fn validate_update(&self, new: &upstream::Endpoints, old: &upstream::Endpoints) -> ErrorList {
        let known: Vec<_> = validate::addresses(old)
            .map(|it| it.1.ip.as_str())
            .collect();
        validate::endpoints(new, &known)
    }

    fn warnings(&self, new: &upstream::Endpoints, _: Option<&upstream::Endpoints>) -> Vec<String> {
        let labels = new.metadata.labels.as_ref();
        // The controller writes what it has read from the Service, which warned already.
        if labels
            .and_then(|it| it.get(MANAGED_BY))
            .is_some_and(|it| it == "endpoint-controller")
        {
            return Vec::new();
        }
        let addresses = validate::addresses(new);
        let warnings = addresses.flat_map(|(path, it)| {
            machinery::addresses::address_warnings(&path.child("ip"), &it.ip)
        });
        warnings.collect()
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Endpoints",
                    "The set of all endpoints is the union of all subsets. Addresses are placed into subsets according to the IPs they share. A single address with multiple ports, some of which are ready and some of which are not (because they come from different containers) will result in the address being displayed in different subsets for the different ports. No address will appear in both Addresses and NotReadyAddresses in the same subset. Sets of addresses and ports that comprise a service.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::Endpoints, now: Timestamp) -> Vec<Cell> {
        let mut all = Vec::new();
        for subset in object.subsets.iter().flatten() {
            let addresses = || subset.addresses.iter().flatten();
            match subset.ports.as_deref() {
                None | Some([]) => all.extend(addresses().map(|it| it.ip.clone())),
                Some(ports) => all.extend(
                    ports
                        .iter()
                        .flat_map(|port| addresses().map(|it| with_port(&it.ip, port.port))),
                ),
            }
        }
        let none = object.subsets.as_ref().is_none_or(Vec::is_empty);
        let shown = if none {
            NONE.to_owned()
        } else {
            columns::some_of(&all)
        };
        vec![
            columns::name(&object.metadata),
            shown.into(),
            columns::age(&object.metadata, now),
        ]
    }

    fn create_on_update(&self) -> bool {
        true
    }
}
