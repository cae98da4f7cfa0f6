//! `/openapi/v2` and `/openapi/v3`: made when first asked for, then kept.

use crate::{Door, answer::Answer, resources::Resource};
use http::HeaderMap;

/// Documents already made.
#[derive(Default)]
pub(crate) struct Documents {}

/// Whether objects of the resource can be written as protobuf.
pub(crate) fn writes_protobuf(resource: &Resource) -> bool {
    api::schema::builtin().kind(resource.group(), resource.version(), resource.kind()).is_some()
}

/// Answers, when the path is one of these.
pub(crate) fn answer(_door: &Door, _path: &str, _headers: &HeaderMap) -> Option<Answer> {
    None
}
