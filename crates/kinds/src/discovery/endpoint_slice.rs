//! A part of the addresses behind a service.

use crate::{
    Cell, Column, Context, Names, Strategy, check,
    columns::{self, UNSET},
    pod_spec::defaults::text,
    prepare,
};
use jiff::Timestamp;
use k8s_openapi::api::discovery::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

/// The law of EndpointSlice.
pub(crate) struct EndpointSlice;

const ENDPOINTS_LIMIT: usize = 1000;
const ADDRESSES_LIMIT: usize = 100;
const PORTS_LIMIT: usize = 20_000;

impl Strategy for EndpointSlice {
    type Object = upstream::EndpointSlice;

    fn names(&self) -> Names {
        Names::namespaced("endpointslices", "endpointslice")
    }

    fn default(&self, object: &mut upstream::EndpointSlice) {
        for port in object.ports.iter_mut().flatten() {
            port.name.get_or_insert_default();
            text(&mut port.protocol, "TCP");
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut upstream::EndpointSlice) {
        prepare::first_generation(&mut object.metadata);
    }

    fn prepare_for_update(
        &self,
        _: &Context<'_>,
        new: &mut upstream::EndpointSlice,
        old: &upstream::EndpointSlice,
    ) {
        let changed = new.endpoints != old.endpoints
            || new.ports != old.ports
            || new.metadata.labels != old.metadata.labels;
        prepare::next_generation(&mut new.metadata, &old.metadata, changed);
    }

    fn validate(&self, object: &upstream::EndpointSlice) -> ErrorList {
        let mut errors = ErrorList::new();
        let list = &["FQDN", "IPv4", "IPv6"];
        check::one_of(
            &mut errors,
            &Path::new("addressType"),
            Some(&object.address_type),
            list,
        );
        let endpoints = object.endpoints.as_deref().unwrap_or_default();
        if endpoints.len() > ENDPOINTS_LIMIT {
            errors.push(Error::too_many(
                &Path::new("endpoints"),
                endpoints.len(),
                ENDPOINTS_LIMIT,
            ));
        }
        for (index, endpoint) in endpoints.iter().enumerate() {
            let path = Path::new("endpoints").index(index).child("addresses");
            if endpoint.addresses.is_empty() {
                errors.push(Error::required(&path, "must contain at least 1 address"));
            }
            if endpoint.addresses.len() > ADDRESSES_LIMIT {
                errors.push(Error::too_many(
                    &path,
                    endpoint.addresses.len(),
                    ADDRESSES_LIMIT,
                ));
            }
            for (at, address) in endpoint.addresses.iter().enumerate() {
                let found = if object.address_type == "FQDN" {
                    names::subdomain_errors(address)
                } else {
                    names::ip_errors(address)
                };
                check::messages(&mut errors, &path.index(at), address, found);
            }
        }
        let ports = object.ports.as_deref().unwrap_or_default();
        if ports.len() > PORTS_LIMIT {
            errors.push(Error::too_many(
                &Path::new("ports"),
                ports.len(),
                PORTS_LIMIT,
            ));
        }
        for (index, port) in ports.iter().enumerate() {
            let path = Path::new("ports").index(index);
            check::one_of(
                &mut errors,
                &path.child("protocol"),
                port.protocol.as_ref(),
                &["SCTP", "TCP", "UDP"],
            );
            if ports[..index].iter().any(|it| it.name == port.name) {
                errors.push(Error::duplicate(
                    &path.child("name"),
                    port.name.clone().unwrap_or_default(),
                ));
            }
        }
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::EndpointSlice,
        old: &upstream::EndpointSlice,
    ) -> ErrorList {
        let mut errors = self.validate(new);
        let same = new.address_type == old.address_type;
        check::immutable(
            &mut errors,
            &Path::new("addressType"),
            same,
            &new.address_type,
        );
        errors
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "AddressType",
                    "addressType specifies the type of address carried by this EndpointSlice. All addresses in this slice must be the same type. This field is immutable after creation. The following address types are currently supported: * IPv4: Represents an IPv4 Address. * IPv6: Represents an IPv6 Address. * FQDN: Represents a Fully Qualified Domain Name. (Deprecated) The EndpointSlice controller only generates, and kube-proxy only processes, slices of addressType \"IPv4\" and \"IPv6\". No semantics are defined for the \"FQDN\" type.",
                ),
                Column::text(
                    "Ports",
                    "ports specifies the list of network ports exposed by each endpoint in this slice. Each port must have a unique name. Each slice may include a maximum of 100 ports. Services always have at least 1 port, so EndpointSlices generated by the EndpointSlice controller will likewise always have at least 1 port. EndpointSlices used for other purposes may have an empty ports list.",
                ),
                Column::text(
                    "Endpoints",
                    "endpoints is a list of unique endpoints in this slice. Each slice may include a maximum of 1000 endpoints.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::EndpointSlice, now: Timestamp) -> Vec<Cell> {
        let ports = object.ports.iter().flatten();
        let ports: Vec<_> = ports
            .map(|it| {
                it.port
                    .map_or_else(|| "*".to_owned(), |port| port.to_string())
            })
            .collect();
        let addresses = object
            .endpoints
            .iter()
            .flatten()
            .flat_map(|it| it.addresses.clone());
        let shown = |items: Vec<String>| {
            if items.is_empty() {
                UNSET.to_owned()
            } else {
                columns::some_of(&items)
            }
        };
        vec![
            columns::name(&object.metadata),
            object.address_type.clone().into(),
            shown(ports).into(),
            shown(addresses.collect()).into(),
            columns::age(&object.metadata, now),
        ]
    }
}
