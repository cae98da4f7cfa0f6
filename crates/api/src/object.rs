//! An object of a built-in kind, with its kind known (`Object`) or not (`AnyObject`).

use crate::Written;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::{any::Any, fmt::Debug};

/// JSON that is not an object of the kind asked for.
#[derive(Debug, thiserror::Error)]
#[error("cannot decode {kind}: {source}")]
pub struct DecodeError {
    /// The kind asked for.
    pub kind: &'static str,
    /// What the decoder met, with line and column.
    #[source]
    pub source: serde_json::Error,
}

/// A type of k8s-openapi that is a whole object: it has a kind and `metadata`.
pub trait Object:
    k8s_openapi::Resource
    + k8s_openapi::Metadata<Ty = ObjectMeta>
    + Clone
    + Default
    + Debug
    + PartialEq
    + Send
    + Sync
    + 'static
{
    /// Reads JSON. `apiVersion` and `kind` may be absent (items of a list lack them); when present
    /// they must be this kind's. Fields the kind does not have are dropped.
    ///
    /// # Errors
    /// When the JSON is malformed, a field has the wrong type, or the kind is another.
    fn decode(json: &[u8]) -> Result<Self, DecodeError>;

    /// Writes JSON as Go does; see [`Written`].
    fn written(&self) -> Written;

    /// Writes JSON as Go does.
    fn encode(&self) -> Vec<u8> {
        self.written().json
    }
}

/// An object of whatever kind, as it travels through the door.
pub trait AnyObject: Debug + Send + Sync {
    /// `apiVersion`, such as `apps/v1`.
    fn api_version(&self) -> &str;
    /// `kind`, such as `Deployment`.
    fn kind(&self) -> &str;
    /// The object's metadata.
    fn metadata(&self) -> &ObjectMeta;
    /// The object's metadata, to change.
    fn metadata_mut(&mut self) -> &mut ObjectMeta;
    /// Writes JSON as Go does; see [`Written`].
    fn written(&self) -> Written;
    /// Writes JSON as Go does.
    fn encode(&self) -> Vec<u8> {
        self.written().json
    }
    /// A deep copy.
    fn clone_box(&self) -> Box<dyn AnyObject>;
    /// To downcast to the kind's own type.
    fn as_any(&self) -> &dyn Any;
    /// To downcast to the kind's own type, to change.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<T: Object> AnyObject for T {
    fn api_version(&self) -> &str {
        T::API_VERSION
    }
    fn kind(&self) -> &str {
        T::KIND
    }
    fn metadata(&self) -> &ObjectMeta {
        k8s_openapi::Metadata::metadata(self)
    }
    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        k8s_openapi::Metadata::metadata_mut(self)
    }
    fn written(&self) -> Written {
        Object::written(self)
    }
    fn clone_box(&self) -> Box<dyn AnyObject> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl dyn AnyObject + '_ {
    /// The object as its own type, when it is a `T`.
    #[must_use]
    pub fn downcast_ref<T: Object>(&self) -> Option<&T> {
        self.as_any().downcast_ref()
    }

    /// The object as its own type, to change, when it is a `T`.
    pub fn downcast_mut<T: Object>(&mut self) -> Option<&mut T> {
        self.as_any_mut().downcast_mut()
    }
}
