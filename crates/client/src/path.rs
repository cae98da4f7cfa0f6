//! The paths of the API: `/apis/apps/v1/namespaces/default/deployments/web/scale`.

use crate::Error;
use api::Object;
use machinery::percent::encode;
use serde::Deserialize;
use std::any::TypeId;

/// A path being built. Parts are percent-encoded as they are added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    separator: char,
}

impl Path {
    /// The collection of a kind: in `namespace` (all namespaces when empty) or of the cluster.
    #[must_use]
    pub fn of<T: Object>(namespace: &str) -> Self {
        let namespaced =
            TypeId::of::<T::Scope>() == TypeId::of::<k8s_openapi::NamespaceResourceScope>();
        let namespace = if namespaced { namespace } else { "" };
        Self::collection(T::GROUP, T::VERSION, namespace, T::URL_PATH_SEGMENT)
    }

    /// The collection of any resource; `namespace` empty for all namespaces or cluster scope.
    #[must_use]
    pub fn collection(group: &str, version: &str, namespace: &str, plural: &str) -> Self {
        let root = if group.is_empty() {
            Self::new("/api")
        } else {
            Self::new("/apis").part(group)
        };
        let root = root.part(version);
        if namespace.is_empty() {
            root.part(plural)
        } else {
            root.part("namespaces").part(namespace).part(plural)
        }
    }

    /// A literal path, taken as it is.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            separator: if text.contains('?') { '&' } else { '?' },
        }
    }

    /// Reads what the server answered to a request of this path.
    ///
    /// # Errors
    /// [`Error::Answer`] when it is something else.
    pub fn read<'a, T: Deserialize<'a>>(&self, json: &'a [u8]) -> Result<T, Error> {
        serde_json::from_slice(json).map_err(|error| self.unreadable(&error))
    }

    pub(crate) fn unreadable(&self, error: &dyn std::fmt::Display) -> Error {
        Error::Answer {
            request: self.text.clone(),
            detail: error.to_string(),
        }
    }

    /// One more segment.
    #[must_use]
    pub fn part(mut self, segment: &str) -> Self {
        self.text.push('/');
        self.text.push_str(&encode(segment));
        self
    }

    /// One more query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.text.push(self.separator);
        self.separator = '&';
        self.text.push_str(&encode(name));
        self.text.push('=');
        self.text.push_str(&encode(value));
        self
    }

    /// One more query parameter, unless `value` is empty.
    #[must_use]
    pub fn query_if(self, name: &str, value: &str) -> Self {
        if value.is_empty() {
            self
        } else {
            self.query(name, value)
        }
    }

    /// Path and query.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::{apps::v1::Deployment, core::v1::Node};

    #[test]
    fn paths() {
        let scale = Path::of::<Deployment>("default").part("web").part("scale");
        assert_eq!(
            scale.as_str(),
            "/apis/apps/v1/namespaces/default/deployments/web/scale"
        );
        assert_eq!(
            Path::of::<Deployment>("").as_str(),
            "/apis/apps/v1/deployments"
        );
        let node = Path::of::<Node>("ignored")
            .query("labelSelector", "a=b,c")
            .query("limit", "5");
        assert_eq!(
            node.as_str(),
            "/api/v1/nodes?labelSelector=a%3Db%2Cc&limit=5"
        );
    }
}
