//! Which objects a command line means: `TYPE NAME…`, `TYPE/NAME…`, types with a selector, or files.

use crate::{
    flags::Files,
    manifest,
    resolve::Resource,
    session::{JSON, Session},
};
use anyhow::{Result, bail};
use serde_json::Value;

/// Objects of one type.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) resource: Resource,
    /// Empty for all of them.
    pub(crate) names: Vec<String>,
}

/// Reads `TYPE[,TYPE] [NAME…]` or `TYPE/NAME…`.
pub(crate) async fn groups(session: &Session, words: &[String]) -> Result<Vec<Group>> {
    let catalogue = session.catalogue().await?;
    let Some(first) = words.first() else {
        return Ok(Vec::new());
    };
    if !words.iter().any(|it| it.contains('/')) {
        let resources = catalogue.resources(first)?;
        return Ok(resources
            .into_iter()
            .map(|resource| Group {
                resource: resource.clone(),
                names: words[1..].to_vec(),
            })
            .collect());
    }
    let mut groups: Vec<Group> = Vec::new();
    for word in words {
        let Some((kind, name)) = word.split_once('/') else {
            bail!(
                "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'"
            );
        };
        if name.is_empty() || name.contains('/') {
            bail!("arguments in resource/name form must have a single resource and name");
        }
        let resource = catalogue.resource(kind)?;
        match groups.iter_mut().find(|it| it.resource == *resource) {
            Some(group) => group.names.push(name.to_owned()),
            None => groups.push(Group {
                resource: resource.clone(),
                names: vec![name.to_owned()],
            }),
        }
    }
    Ok(groups)
}

/// One object, found.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) resource: Resource,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) object: Value,
}

impl Item {
    /// `deployment.apps/web`.
    pub(crate) fn title(&self) -> String {
        self.resource.name_of(&self.name)
    }

    /// The object's path.
    pub(crate) fn path(&self) -> client::Path {
        self.resource.object(&self.namespace, &self.name)
    }

    /// What the server answered.
    pub(crate) fn of(resource: &Resource, object: Value) -> Self {
        let text = |name: &str| {
            object["metadata"][name]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            resource: resource.clone(),
            namespace: text("namespace"),
            name: text("name"),
            object,
        }
    }
}

/// What narrows a selection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrow {
    pub(crate) labels: String,
    pub(crate) fields: String,
    pub(crate) all_namespaces: bool,
    /// Whether types without names mean all objects even without a selector.
    pub(crate) all: bool,
}

/// Fetches everything that is meant, from words or files.
pub(crate) async fn items(
    session: &Session,
    words: &[String],
    files: &Files,
    narrow: &Narrow,
) -> Result<Vec<Item>> {
    let mut found = Vec::new();
    for document in manifest::read(files)? {
        let (resource, namespace) = manifest::place(session, &document.object).await?;
        let name = document.object["metadata"]["name"]
            .as_str()
            .unwrap_or_default();
        let object = session
            .get(&resource.object(&namespace, name), JSON)
            .await?;
        found.push(Item::of(&resource, object));
    }
    let namespace = if narrow.all_namespaces {
        String::new()
    } else {
        session.namespace().await?
    };
    for group in groups(session, words).await? {
        let resource = &group.resource;
        for name in &group.names {
            let object = session
                .get(&resource.object(&namespace, name), JSON)
                .await?;
            found.push(Item::of(resource, object));
        }
        if !group.names.is_empty() {
            continue;
        }
        if narrow.labels.is_empty() && narrow.fields.is_empty() && !narrow.all {
            bail!("resource(s) were provided, but no name was specified");
        }
        let path = resource
            .collection(&namespace)
            .query_if("labelSelector", &narrow.labels)
            .query_if("fieldSelector", &narrow.fields);
        let list = session.get(&path, JSON).await?;
        for mut object in list["items"].as_array().cloned().unwrap_or_default() {
            object["apiVersion"] = resource.api_version().into();
            object["kind"] = resource.kind.clone().into();
            found.push(Item::of(resource, object));
        }
    }
    if words.is_empty() && files.filenames.is_empty() {
        bail!("You must provide one or more resources by argument or filename.");
    }
    Ok(found)
}
