//! What resources the server serves, for the two controllers that work on all of them.

use bytes::Bytes;
use client::{Client, Form, Path};
use http::Method;
use serde::Deserialize;

/// A served resource, in its group's preferred version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) plural: String,
    pub(crate) kind: String,
    pub(crate) namespaced: bool,
    pub(crate) verbs: Vec<String>,
}

impl Resource {
    pub(crate) fn supports(&self, verbs: &[&str]) -> bool {
        verbs
            .iter()
            .all(|verb| self.verbs.iter().any(|other| other == verb))
    }

    /// The collection's path; the namespace is ignored for resources of the cluster.
    pub(crate) fn path(&self, namespace: &str) -> Path {
        let namespace = if self.namespaced { namespace } else { "" };
        Path::collection(&self.group, &self.version, namespace, &self.plural)
    }
}

#[derive(Deserialize)]
struct GroupList {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    preferred_version: Version,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    group_version: String,
}

#[derive(Deserialize)]
struct ResourceList {
    resources: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    kind: String,
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

/// Resources of the group versions that answer, and the group versions that do not.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub(crate) resources: Vec<Resource>,
    pub(crate) failures: Vec<String>,
    /// Why names of group versions cannot be read.
    pub(crate) malformed: Vec<String>,
}

/// Asks the server.
///
/// # Errors
/// When the list of groups itself cannot be read.
pub(crate) async fn discover(client: &Client) -> Result<Served, client::Error> {
    let groups: GroupList = get(client, "/apis").await?;
    let mut served = Served::default();
    let group_versions = groups
        .groups
        .into_iter()
        .map(|group| group.preferred_version.group_version);
    for group_version in std::iter::once("v1".to_owned()).chain(group_versions) {
        let (group, version) = group_version
            .split_once('/')
            .unwrap_or(("", &group_version));
        if version.contains('/') {
            let text = format!("unexpected GroupVersion string: {group_version}");
            served.malformed.push(text);
            continue;
        }
        let path = if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group_version}")
        };
        match get::<ResourceList>(client, &path).await {
            Ok(list) => served.resources.extend(
                list.resources
                    .into_iter()
                    .filter(|entry| !entry.name.contains('/'))
                    .map(|entry| Resource {
                        group: group.to_owned(),
                        version: version.to_owned(),
                        plural: entry.name,
                        kind: entry.kind,
                        namespaced: entry.namespaced,
                        verbs: entry.verbs,
                    }),
            ),
            Err(error) => served.failures.push(format!("{group_version}: {error}")),
        }
    }
    Ok(served)
}

async fn get<T: serde::de::DeserializeOwned>(
    client: &Client,
    path: &str,
) -> Result<T, client::Error> {
    let path = Path::new(path);
    let body = client
        .call(Method::GET, &path, "", Bytes::new(), Form::Json)
        .await?;
    path.read(&body)
}
