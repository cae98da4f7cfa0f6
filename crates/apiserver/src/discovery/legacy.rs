//! `APIVersions`, `APIGroupList`, `APIGroup`, `APIResourceList`.

use super::{groups as served, of, storage_version_hash, subresources};
use crate::{
    Door,
    resources::{Resource, Resources, api_version},
};
use serde_json::{Value, json};

pub(super) fn core_versions(door: &Door) -> Value {
    let network = &door.config.network;
    let address = std::net::SocketAddr::new(network.advertise_address, network.port);
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": address.to_string() }],
    })
}

fn group_entries(resources: &Resources) -> Vec<Value> {
    served(resources)
        .into_iter()
        .map(|(group, versions)| one(group, &versions))
        .collect()
}

pub(super) fn groups(resources: &Resources) -> Value {
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": group_entries(resources) })
}

pub(super) fn group(resources: &Resources, name: &str) -> Option<Value> {
    let (group, versions) = served(resources)
        .into_iter()
        .find(|(group, _)| *group == name)?;
    let mut document = one(group, &versions);
    document["kind"] = "APIGroup".into();
    document["apiVersion"] = "v1".into();
    Some(document)
}

fn one(group: &str, versions: &[&str]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({ "groupVersion": api_version(group, version), "version": version }))
        .collect();
    json!({ "name": group, "versions": versions, "preferredVersion": versions[0] })
}

pub(super) fn resources(resources: &Resources, group: &str, version: &str) -> Option<Value> {
    if !resources.serves(group, version) {
        return None;
    }
    let mut all = Vec::new();
    for resource in of(resources, group, version) {
        all.push(entry(resource));
        for sub in subresources(resource) {
            let mut entry = json!({
                "name": format!("{}/{}", resource.names.plural, sub.name),
                "singularName": "",
                "namespaced": resource.namespaced(),
                "kind": sub.kind,
                "verbs": sub.verbs,
            });
            if !sub.version.is_empty() {
                let (group, version) = resource.exchanged(sub);
                entry["group"] = group.into();
                entry["version"] = version.into();
            }
            all.push(entry);
        }
    }
    Some(
        json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version(group, version), "resources": all }),
    )
}

fn entry(resource: &Resource) -> Value {
    let names = resource.names;
    let mut entry = json!({
        "name": names.plural,
        "singularName": names.singular,
        "namespaced": resource.namespaced(),
        "kind": resource.kind(),
        "verbs": names.verbs,
    });
    if !names.short.is_empty() {
        entry["shortNames"] = names.short.into();
    }
    if !names.categories.is_empty() {
        entry["categories"] = names.categories.into();
    }
    if names.verbs.contains(&"list") {
        entry["storageVersionHash"] = storage_version_hash(resource).into();
    }
    entry
}
