//! Confidential keys and values.

use crate::{Names, Strategy};
use k8s_openapi::api::core::v1 as upstream;

/// The law of Secret.
pub(crate) struct Secret;

impl Strategy for Secret {
    type Object = upstream::Secret;

    fn names(&self) -> Names {
        Names::namespaced("secrets", "secret")
    }
}
