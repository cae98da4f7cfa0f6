//! What words such as `deploy`, `pods.v1` or `all` mean, by the server's discovery.

#[cfg(test)]
mod tests;

use crate::{
    session::{JSON, Session},
    tree::{self, items},
};
use anyhow::{Result, bail};
use client::Path;
use serde_json::Value;

const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// One resource of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) short: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) verbs: Vec<String>,
    pub(crate) namespaced: bool,
}

impl Resource {
    /// `apps/v1`, `v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    fn dotted(&self, word: &str) -> String {
        if self.group.is_empty() {
            word.to_owned()
        } else {
            format!("{word}.{}", self.group)
        }
    }

    /// As results name the type: `deployment.apps`.
    pub(crate) fn title(&self) -> String {
        self.dotted(&self.kind.to_lowercase())
    }

    /// As results name an object: `deployment.apps/web`.
    pub(crate) fn name_of(&self, name: &str) -> String {
        format!("{}/{name}", self.title())
    }

    /// `deployments.apps`.
    pub(crate) fn qualified(&self) -> String {
        self.dotted(&self.plural)
    }

    /// The path of the collection; `namespace` empty for all.
    pub(crate) fn collection(&self, namespace: &str) -> Path {
        let namespace = if self.namespaced { namespace } else { "" };
        Path::collection(&self.group, &self.version, namespace, &self.plural)
    }

    /// The path of one object.
    pub(crate) fn object(&self, namespace: &str, name: &str) -> Path {
        self.collection(namespace).part(name)
    }

    /// Whether discovery lists the verb.
    pub(crate) fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|it| it == verb)
    }

    fn is_called(&self, word: &str) -> bool {
        self.plural == word
            || self.singular == word
            || self.kind.eq_ignore_ascii_case(word)
            || self.short.iter().any(|it| it == word)
    }
}

/// Everything the server serves, preferred versions of each group first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    pub(crate) resources: Vec<Resource>,
}

impl Catalogue {
    /// Asks the server.
    pub(crate) async fn discover(session: &Session) -> Result<Self> {
        let mut resources = Vec::new();
        for root in ["/api", "/apis"] {
            let list = session.get(&Path::new(root), AGGREGATED).await?;
            if list["kind"] == "APIGroupDiscoveryList" {
                read_aggregated(&list, &mut resources);
                continue;
            }
            for (group, version) in legacy_versions(&list) {
                let path = match group.as_str() {
                    "" => Path::new("/api").part(&version),
                    group => Path::new("/apis").part(group).part(&version),
                };
                let list = session.get(&path, JSON).await?;
                read_legacy(&group, &version, &list, &mut resources);
            }
        }
        Ok(Self { resources })
    }

    /// The resource of a kind, as manifests name it.
    pub(crate) fn kind(&self, api_version: &str, kind: &str) -> Option<&Resource> {
        self.resources
            .iter()
            .find(|it| it.kind == kind && it.api_version() == api_version)
    }

    /// What one word means: `pods`, `po`, `deployment.apps`, `deployments.v1.apps`.
    pub(crate) fn resource(&self, word: &str) -> Result<&Resource> {
        let word = word.to_lowercase();
        let plain = self.resources.iter().find(|it| it.is_called(&word));
        let found = plain.or_else(|| {
            let (name, rest) = word.split_once('.')?;
            self.resources.iter().find(|it| {
                it.is_called(name)
                    && (it.group == rest
                        || format!("{}.{}", it.version, it.group).trim_end_matches('.') == rest)
            })
        });
        match found {
            Some(resource) => Ok(resource),
            None => bail!("the server doesn't have a resource type {word:?}"),
        }
    }

    /// What a comma-separated list means, categories included.
    pub(crate) fn resources(&self, words: &str) -> Result<Vec<&Resource>> {
        let mut found: Vec<&Resource> = Vec::new();
        for word in words.split(',').filter(|it| !it.is_empty()) {
            let category: Vec<&Resource> = self
                .resources
                .iter()
                .filter(|it| it.categories.iter().any(|category| category == word))
                .collect();
            let new = if category.is_empty() {
                vec![self.resource(word)?]
            } else {
                category
            };
            for resource in new {
                let known = found
                    .iter()
                    .any(|it| it.group == resource.group && it.plural == resource.plural);
                if !known {
                    found.push(resource);
                }
            }
        }
        Ok(found)
    }
}

fn text(value: &Value) -> String {
    tree::text(value).to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    items(value).map(text).collect()
}

fn read_aggregated(tree: &Value, resources: &mut Vec<Resource>) {
    for group in items(&tree["items"]) {
        for version in items(&group["versions"]) {
            for it in items(&version["resources"]) {
                resources.push(Resource {
                    group: text(&group["metadata"]["name"]),
                    version: text(&version["version"]),
                    plural: text(&it["resource"]),
                    singular: text(&it["singularResource"]),
                    kind: text(&it["responseKind"]["kind"]),
                    short: texts(&it["shortNames"]),
                    categories: texts(&it["categories"]),
                    verbs: texts(&it["verbs"]),
                    namespaced: it["scope"] == "Namespaced",
                });
            }
        }
    }
}

fn legacy_versions(tree: &Value) -> Vec<(String, String)> {
    let core = texts(&tree["versions"])
        .into_iter()
        .map(|it| (String::new(), it));
    let groups = items(&tree["groups"]).flat_map(|group| {
        items(&group["versions"]).map(|it| (text(&group["name"]), text(&it["version"])))
    });
    core.chain(groups).collect()
}

fn read_legacy(group: &str, version: &str, tree: &Value, resources: &mut Vec<Resource>) {
    for it in items(&tree["resources"]) {
        let plural = text(&it["name"]);
        if plural.contains('/') {
            continue;
        }
        let kind = text(&it["kind"]);
        let singular = text(&it["singularName"]);
        resources.push(Resource {
            group: group.to_owned(),
            version: version.to_owned(),
            plural,
            singular: if singular.is_empty() {
                kind.to_lowercase()
            } else {
                singular
            },
            kind,
            short: texts(&it["shortNames"]),
            categories: texts(&it["categories"]),
            verbs: texts(&it["verbs"]),
            namespaced: it["namespaced"] == true,
        });
    }
}
