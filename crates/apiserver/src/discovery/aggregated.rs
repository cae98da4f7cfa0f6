//! `APIGroupDiscoveryList` (apidiscovery.k8s.io/v2): everything in one document.

use super::{groups, of, subresources};
use crate::resources::{Resource, Resources};
use serde_json::{Value, json};

pub(super) const JSON: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
pub(super) const YAML: &str =
    "application/yaml;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
pub(super) const PROTOBUF: &str =
    "application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

pub(super) fn document(resources: &Resources, core: bool) -> Value {
    let groups = if core {
        vec![("", vec!["v1"])]
    } else {
        groups(resources)
    };
    let items: Vec<Value> = groups
        .into_iter()
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .into_iter()
                .map(|version| {
                    let all: Vec<Value> = of(resources, group, version)
                        .into_iter()
                        .map(|resource| entry(resource))
                        .collect();
                    json!({ "version": version, "resources": all, "freshness": "Current" })
                })
                .collect();
            let metadata = if group.is_empty() {
                json!({})
            } else {
                json!({ "name": group })
            };
            json!({ "metadata": metadata, "versions": versions })
        })
        .collect();
    json!({ "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items })
}

fn entry(resource: &Resource) -> Value {
    let names = resource.names;
    let mut entry = json!({
        "resource": names.plural,
        "responseKind": { "group": resource.group(), "version": resource.version(), "kind": resource.kind() },
        "scope": if resource.namespaced() { "Namespaced" } else { "Cluster" },
        "singularResource": names.singular,
        "verbs": names.verbs,
    });
    if !names.short.is_empty() {
        entry["shortNames"] = names.short.into();
    }
    if !names.categories.is_empty() {
        entry["categories"] = names.categories.into();
    }
    let subresources: Vec<Value> = subresources(resource)
        .into_iter()
        .map(|sub| {
            let (group, version) = resource.exchanged(sub);
            json!({
                "subresource": sub.name,
                "responseKind": { "group": group, "version": version, "kind": sub.kind },
                "verbs": sub.verbs,
            })
        })
        .collect();
    if !subresources.is_empty() {
        entry["subresources"] = subresources.into();
    }
    entry
}
