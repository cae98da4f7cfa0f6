//! At start, what Services hold and what is claimed for them are made to agree. They are written
//! together, so they differ only when the data is from an older Sampan, or when somebody removed an
//! IPAddress by hand. Upstream: the repair loops of service addresses and node ports.

use super::{addresses, held_addresses, node_ports};
use crate::{
    Door,
    resources::Resource,
    verbs::{store_failure, stored_bytes},
};
use bytes::Bytes;
use k8s_openapi::{
    api::{core::v1::Service, networking::v1::IPAddress},
    apimachinery::pkg::apis::meta::v1::Time,
};
use machinery::status::Status;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use store::{Condition, Transaction};

/// Where claims of older versions are.
const OLD_ADDRESSES: &str = "/claims/service-addresses/";
const PORTS: &str = "/claims/node-ports/";

/// Makes claims follow Services.
pub(crate) async fn claims(door: &Door) -> Result<(), Status> {
    door.cache.catch_up().await;
    let wanted = wanted(door);
    for key in door.cache.claims() {
        let ours = key.starts_with(PORTS) || key.starts_with(OLD_ADDRESSES);
        if ours && !wanted.contains_key(&*key) {
            transact(door, Transaction::delete(&*key)).await?;
        }
    }
    for key in abandoned(door, &wanted) {
        transact(door, Transaction::delete(key)).await?;
    }
    for (key, bytes) in wanted {
        let absent = Condition::Absent(key.clone());
        transact(door, Transaction::put(key, bytes).when(absent)).await?;
    }
    Ok(())
}

async fn transact(door: &Door, transaction: Transaction) -> Result<(), Status> {
    let _absorbing = door.cache.absorbing();
    let done = door.config.store.transact(transaction).await;
    done.map(|_| ()).map_err(|error| store_failure(&error))
}

fn all<T: api::Object>(door: &Door, resource: &Arc<Resource>) -> Vec<T> {
    let selection = crate::watch_cache::Selection::of_namespace("");
    let page = door.cache.list(resource.slot, &selection, 0);
    let items = page.items.iter();
    items.filter_map(|it| T::decode(&it.bytes()).ok()).collect()
}

/// Every key that Services need, and what it holds.
fn wanted(door: &Door) -> BTreeMap<String, Bytes> {
    let mut wanted = BTreeMap::new();
    let Some(services) = door.resources.find_any("", "services") else {
        return wanted;
    };
    let now = door.config.clock.now();
    for service in all::<Service>(door, services) {
        let namespace = service.metadata.namespace.as_deref().unwrap_or_default();
        let name = service.metadata.name.as_deref().unwrap_or_default();
        for port in node_ports::held(&service) {
            let owner = format!("{namespace}/{name}");
            wanted.insert(node_ports::key(port), owner.into());
        }
        for address in held_addresses(&service) {
            let Some(resource) = addresses::resource(door) else {
                continue;
            };
            let mut object = addresses::object(address, namespace, name);
            object.metadata.uid = Some(door.config.random.uuid());
            object.metadata.creation_timestamp = Some(Time(stdx::clock::whole_seconds(now)));
            let key = resource.key("", &address.to_string());
            wanted.insert(key, stored_bytes(&mut object));
        }
    }
    wanted
}

/// Addresses that the door gave out and no Service holds.
fn abandoned(door: &Door, wanted: &BTreeMap<String, Bytes>) -> BTreeSet<String> {
    let Some(resource) = addresses::resource(door) else {
        return BTreeSet::new();
    };
    all::<IPAddress>(door, resource)
        .iter()
        .filter(|it| addresses::is_given(it))
        .map(|it| resource.key("", it.metadata.name.as_deref().unwrap_or_default()))
        .filter(|key| !wanted.contains_key(key))
        .collect()
}
