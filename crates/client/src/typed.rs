//! The verbs for a kind known at compile time.

use crate::{Client, Error, Form, Patch, Path};
use api::Object;
use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

const JSON: &str = "application/json";

/// Which objects to list or watch. Empty strings mean no restriction.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// Label selector.
    pub labels: String,
    /// Field selector.
    pub fields: String,
    /// At most this many in one answer; 0 for all.
    pub limit: u32,
    /// Where an earlier list ended.
    pub continue_token: String,
}

impl ListOptions {
    pub(crate) fn add_to(&self, path: Path) -> Path {
        let path = path
            .query_if("labelSelector", &self.labels)
            .query_if("fieldSelector", &self.fields)
            .query_if("continue", &self.continue_token);
        if self.limit == 0 {
            path
        } else {
            path.query("limit", &self.limit.to_string())
        }
    }
}

/// Objects and the revision they were read at.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The objects.
    pub items: Vec<T>,
    /// The list's `resourceVersion`: where a watch goes on from.
    pub revision: String,
    /// Where the next page begins; empty at the end.
    pub continue_token: String,
}

/// How to delete.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// Seconds of grace; the kind's own when absent.
    pub grace_seconds: Option<i64>,
    /// `Background`, `Foreground` or `Orphan`; the kind's own when absent.
    pub propagation: Option<&'static str>,
    /// Only if the object still has this UID.
    pub uid: Option<String>,
    /// Only if the object still has this `resourceVersion`.
    pub resource_version: Option<String>,
}

impl DeleteOptions {
    /// As the body of a request.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let mut tree = serde_json::json!({ "kind": "DeleteOptions", "apiVersion": "v1" });
        if let Some(seconds) = self.grace_seconds {
            tree["gracePeriodSeconds"] = seconds.into();
        }
        if let Some(policy) = self.propagation {
            tree["propagationPolicy"] = policy.into();
        }
        if let Some(uid) = &self.uid {
            tree["preconditions"]["uid"] = uid.as_str().into();
        }
        if let Some(version) = &self.resource_version {
            tree["preconditions"]["resourceVersion"] = version.as_str().into();
        }
        Bytes::from(tree.to_string())
    }
}

/// A list, its items still in JSON.
#[derive(Deserialize)]
struct RawList {
    #[serde(default)]
    metadata: RawListMeta,
    #[serde(default)]
    items: Option<Vec<Box<RawValue>>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawListMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    continue_token: String,
}

impl Client {
    /// Reads one object. `namespace` is ignored for kinds of the cluster, here and below.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when it does not exist.
    pub async fn get<T: Object>(&self, namespace: &str, name: &str) -> Result<T, Error> {
        let path = Path::of::<T>(namespace).part(name);
        decode(
            &path,
            &self
                .call(Method::GET, &path, JSON, Bytes::new(), Form::Json)
                .await?,
        )
    }

    /// Reads the objects of a namespace (of all when empty).
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn list<T: Object>(
        &self,
        namespace: &str,
        options: &ListOptions,
    ) -> Result<Listed<T>, Error> {
        let path = options.add_to(Path::of::<T>(namespace));
        let body = self
            .call(Method::GET, &path, JSON, Bytes::new(), Form::Json)
            .await?;
        let raw: RawList = path.read(&body)?;
        let items = raw
            .items
            .unwrap_or_default()
            .iter()
            .map(|item| decode(&path, item.get().as_bytes()))
            .collect::<Result<_, _>>()?;
        Ok(Listed {
            items,
            revision: raw.metadata.resource_version,
            continue_token: raw.metadata.continue_token,
        })
    }

    /// Creates the object and returns it as stored.
    ///
    /// # Errors
    /// [`Error::is_already_exists`] when the name is taken.
    pub async fn create<T: Object>(&self, object: &T) -> Result<T, Error> {
        let path = Path::of::<T>(namespace_of(object)).query("fieldManager", self.manager());
        decode(
            &path,
            &self
                .call(
                    Method::POST,
                    &path,
                    JSON,
                    object.encode().into(),
                    Form::Json,
                )
                .await?,
        )
    }

    /// Replaces the object; with a `resourceVersion` only if that is still current.
    ///
    /// # Errors
    /// [`Error::is_conflict`] when it was changed meanwhile.
    pub async fn update<T: Object>(&self, object: &T) -> Result<T, Error> {
        self.put(
            Path::of::<T>(namespace_of(object)).part(name_of(object)),
            object,
        )
        .await
    }

    /// Replaces a part of the object through a subresource, such as `status`.
    ///
    /// # Errors
    /// See [`Client::update`].
    pub async fn update_subresource<T: Object>(
        &self,
        subresource: &str,
        object: &T,
    ) -> Result<T, Error> {
        let path = Path::of::<T>(namespace_of(object))
            .part(name_of(object))
            .part(subresource);
        self.put(path, object).await
    }

    /// Replaces the object's status.
    ///
    /// # Errors
    /// See [`Client::update`].
    pub async fn update_status<T: Object>(&self, object: &T) -> Result<T, Error> {
        self.update_subresource("status", object).await
    }

    async fn put<T: Object>(&self, path: Path, object: &T) -> Result<T, Error> {
        let path = path.query("fieldManager", self.manager());
        decode(
            &path,
            &self
                .call(Method::PUT, &path, JSON, object.encode().into(), Form::Json)
                .await?,
        )
    }

    /// Patches the object, or its `subresource` when that is not empty.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn patch<T: Object>(
        &self,
        namespace: &str,
        name: &str,
        subresource: &str,
        patch: &Patch,
    ) -> Result<T, Error> {
        let mut path = Path::of::<T>(namespace).part(name);
        if !subresource.is_empty() {
            path = path.part(subresource);
        }
        let shown = path.clone();
        decode(&shown, &self.patch_at(path, patch).await?)
    }

    /// Deletes the object. The answer is the object when it lives on for a while (grace,
    /// finalizers), nothing when it is gone.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when it does not exist, [`Error::is_conflict`] when a precondition fails.
    pub async fn delete<T: Object>(
        &self,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Option<T>, Error> {
        let path = Path::of::<T>(namespace).part(name);
        let body = self
            .call(Method::DELETE, &path, JSON, options.body(), Form::Json)
            .await?;
        Ok(T::decode(&body)
            .ok()
            .filter(|object| object.metadata().deletion_timestamp.is_some()))
    }

    /// Deletes whatever is at `path`.
    ///
    /// # Errors
    /// See [`Client::delete`].
    pub async fn delete_at(&self, path: &Path, options: &DeleteOptions) -> Result<Bytes, Error> {
        self.call(Method::DELETE, path, JSON, options.body(), Form::Json)
            .await
    }

    /// Posts `body` to a subresource of a `T`: `binding`, `eviction`, `token`. Returns the raw answer.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub async fn post_to<T: Object, B: Object>(
        &self,
        namespace: &str,
        name: &str,
        subresource: &str,
        body: &B,
    ) -> Result<Bytes, Error> {
        let path = Path::of::<T>(namespace).part(name).part(subresource);
        self.call(Method::POST, &path, JSON, body.encode().into(), Form::Json)
            .await
    }
}

fn namespace_of<T: Object>(object: &T) -> &str {
    object.metadata().namespace.as_deref().unwrap_or_default()
}

fn name_of<T: Object>(object: &T) -> &str {
    object.metadata().name.as_deref().unwrap_or_default()
}

fn decode<T: Object>(path: &Path, json: &[u8]) -> Result<T, Error> {
    T::decode(json).map_err(|error| path.unreadable(&error))
}
