//! Addresses behind a service in the old form; EndpointSlice replaces it.

use crate::{
    Cell, Column, Names, Strategy, check,
    columns::{self, NONE},
    pod_spec::defaults::text,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

/// The law of Endpoints.
pub(crate) struct Endpoints;

impl Strategy for Endpoints {
    type Object = upstream::Endpoints;

    fn names(&self) -> Names {
        Names::namespaced("endpoints", "endpoints").short(&["ep"])
    }

    fn default(&self, object: &mut upstream::Endpoints) {
        for subset in object.subsets.iter_mut().flatten() {
            for port in subset.ports.iter_mut().flatten() {
                text(&mut port.protocol, "TCP");
            }
        }
    }

    fn validate(&self, object: &upstream::Endpoints) -> ErrorList {
        let mut errors = ErrorList::new();
        for (index, subset) in object.subsets.iter().flatten().enumerate() {
            let path = Path::new("subsets").index(index);
            let (ready, not_ready) = (
                subset.addresses.as_deref().unwrap_or_default(),
                subset.not_ready_addresses.as_deref().unwrap_or_default(),
            );
            if ready.is_empty() && not_ready.is_empty() {
                errors.push(Error::required(
                    &path,
                    "must specify `addresses` or `notReadyAddresses`",
                ));
            }
            for (field, list) in [("addresses", ready), ("notReadyAddresses", not_ready)] {
                for (at, address) in list.iter().enumerate() {
                    let path = path.child(field).index(at).child("ip");
                    check::messages(
                        &mut errors,
                        &path,
                        &address.ip,
                        names::ip_errors(&address.ip),
                    );
                }
            }
            for (at, port) in subset.ports.iter().flatten().enumerate() {
                let path = path.child("ports").index(at);
                for message in names::port_number_errors(port.port.into()) {
                    errors.push(Error::invalid(&path.child("port"), port.port, &message));
                }
                check::one_of(
                    &mut errors,
                    &path.child("protocol"),
                    port.protocol.as_ref(),
                    &["SCTP", "TCP", "UDP"],
                );
            }
        }
        errors
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
                Some(ports) => all.extend(ports.iter().flat_map(|port| {
                    addresses().map(|it| {
                        if it.ip.contains(':') {
                            format!("[{}]:{}", it.ip, port.port)
                        } else {
                            format!("{}:{}", it.ip, port.port)
                        }
                    })
                })),
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
