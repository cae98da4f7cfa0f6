//! `APIVersions`, `APIGroupList`, `APIGroup`, `APIResourceList`. Members stand in upstream's order: scripts look for
//! them as text.

use super::{groups as served, of, storage_version_hash, subresources};
use crate::{
    Door,
    resources::{Resource, Resources, api_version},
};
use serde::Serialize;
use serde_json::{Value, json};

/// A document as text.
fn text(document: &impl Serialize) -> String {
    serde_json::to_string(document).unwrap_or_default()
}

#[derive(Serialize)]
struct Document<'a, T: Serialize> {
    kind: &'a str,
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    #[serde(flatten)]
    content: T,
}

fn document(kind: &str, content: impl Serialize) -> String {
    text(&Document {
        kind,
        api_version: "v1",
        content,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    group_version: String,
    version: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Group<'a> {
    name: &'a str,
    versions: Vec<Version>,
    preferred_version: Version,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entries<'a> {
    group_version: String,
    resources: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    name: String,
    singular_name: &'a str,
    namespaced: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    kind: &'a str,
    verbs: &'a [&'a str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    short_names: &'a [&'a str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    categories: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_version_hash: Option<String>,
}

pub(super) fn core_versions(door: &Door) -> String {
    let network = &door.config.network;
    let address = std::net::SocketAddr::new(network.advertise_address, network.port).to_string();
    let address = json!({ "clientCIDR": "0.0.0.0/0", "serverAddress": address });
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Versions {
        kind: &'static str,
        versions: [&'static str; 1],
        #[serde(rename = "serverAddressByClientCIDRs")]
        addresses: [Value; 1],
    }
    text(&Versions {
        kind: "APIVersions",
        versions: ["v1"],
        addresses: [address],
    })
}

pub(super) fn groups(resources: &Resources) -> String {
    #[derive(Serialize)]
    struct Groups<'a> {
        groups: Vec<Group<'a>>,
    }
    let groups = served(resources).into_iter();
    let groups = groups.map(|(name, versions)| one(name, &versions));
    document(
        "APIGroupList",
        Groups {
            groups: groups.collect(),
        },
    )
}

pub(super) fn group(resources: &Resources, name: &str) -> Option<String> {
    let (group, versions) = served(resources)
        .into_iter()
        .find(|(group, _)| *group == name)?;
    Some(document("APIGroup", one(group, &versions)))
}

fn one<'a>(name: &'a str, versions: &[&str]) -> Group<'a> {
    let version = |version: &&str| Version {
        group_version: api_version(name, version),
        version: (*version).to_owned(),
    };
    Group {
        name,
        versions: versions.iter().map(version).collect(),
        preferred_version: version(&versions[0]),
    }
}

pub(super) fn resources(resources: &Resources, group: &str, version: &str) -> Option<String> {
    if !resources.serves(group, version) {
        return None;
    }
    let mut all = Vec::new();
    for resource in of(resources, group, version) {
        all.push(entry(resource));
        for sub in subresources(resource) {
            let (group, version) = match sub.version {
                "" => ("", ""),
                _ => resource.exchanged(sub),
            };
            all.push(Entry {
                name: format!("{}/{}", resource.names.plural, sub.name),
                singular_name: "",
                namespaced: resource.namespaced(),
                group,
                version,
                kind: sub.kind,
                verbs: sub.verbs,
                short_names: &[],
                categories: &[],
                storage_version_hash: None,
            });
        }
    }
    let entries = Entries {
        group_version: api_version(group, version),
        resources: all,
    };
    Some(document("APIResourceList", entries))
}

fn entry(resource: &Resource) -> Entry<'_> {
    let names = &resource.names;
    let listed = names.verbs.contains(&"list");
    Entry {
        name: names.plural.to_owned(),
        singular_name: names.singular,
        namespaced: resource.namespaced(),
        group: "",
        version: "",
        kind: resource.kind(),
        verbs: names.verbs,
        short_names: names.short,
        categories: names.categories,
        storage_version_hash: listed.then(|| storage_version_hash(resource)),
    }
}
