//! What a person would do with kubectl.

use crate::Cluster;
use anyhow::{Context as _, bail};
use api::Object;
use client::{DeleteOptions, Patch, Path};
use k8s_openapi::api::core::v1::Event;
use kinds::Scope;
use serde_json::Value;

impl Cluster {
    /// Applies every document of a YAML stream, in the namespace `default` unless it names another.
    ///
    /// # Errors
    /// When one cannot be read or is refused.
    pub async fn apply(&self, yaml: &str) -> anyhow::Result<()> {
        for object in machinery::yaml::parse_documents(yaml.as_bytes())? {
            let path = path_of(&object)?;
            self.client.apply_at(path, object).await?;
        }
        Ok(())
    }

    /// Changes fields of an object by a strategic merge patch.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn patch<T: Object>(
        &self,
        namespace: &str,
        name: &str,
        patch: Value,
    ) -> anyhow::Result<T> {
        Ok(self
            .client
            .patch(namespace, name, "", &Patch::Strategic(patch))
            .await?)
    }

    /// Deletes an object, with a propagation policy unless that is empty.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn delete<T: Object>(
        &self,
        namespace: &str,
        name: &str,
        propagation: &'static str,
    ) -> anyhow::Result<()> {
        let options = DeleteOptions {
            propagation: (!propagation.is_empty()).then_some(propagation),
            ..DeleteOptions::default()
        };
        self.client.delete::<T>(namespace, name, &options).await?;
        Ok(())
    }

    /// Waits for an event of this reason about an object of this name; returns its message.
    ///
    /// # Errors
    /// See [`Cluster::wait`].
    pub async fn wait_event(
        &self,
        namespace: &str,
        name: &str,
        reason: &str,
    ) -> anyhow::Result<String> {
        let about = |it: &Event| {
            it.involved_object.name.as_deref() == Some(name) && it.reason.as_deref() == Some(reason)
        };
        let events = self
            .wait_all::<Event>(namespace, "", |all| all.iter().any(about))
            .await?;
        let found = events.into_iter().find(about).and_then(|it| it.message);
        Ok(found.unwrap_or_default())
    }
}

fn path_of(object: &Value) -> anyhow::Result<Path> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let api_version = text("/apiVersion").context("an object without apiVersion")?;
    let kind = text("/kind").context("an object without kind")?;
    let name = text("/metadata/name").context("an object without a name")?;
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let Some(law) = kinds::find(group, version, kind) else {
        bail!("there is no kind {kind} in {api_version}");
    };
    let namespace = match law.names().scope {
        Scope::Namespaced => text("/metadata/namespace").unwrap_or("default"),
        Scope::Cluster => "",
    };
    Ok(Path::collection(group, version, namespace, law.names().plural).part(name))
}
