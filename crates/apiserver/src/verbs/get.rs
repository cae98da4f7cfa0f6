//! `get`: one object, as it is now or not older than a revision.

use super::{Call, revision, seen};
use crate::{Door, answer::Answer};
use machinery::status::Status;

/// Answers the request.
pub(crate) async fn run(door: &Door, call: &Call) -> Answer {
    match revision(call.query.get("resourceVersion"))? {
        None => door.cache.catch_up().await,
        Some(at) => door.cache.reach_named(at).await?,
    }
    let (namespace, name) = (&call.target.namespace, &call.target.name);
    let item = match seen::items(door, call) {
        Some(items) => items.into_iter().find(|item| item.name() == name),
        None => door.cache.get(call.resource.slot, namespace, name),
    };
    let item = item.ok_or_else(|| Status::not_found(call.resource.named(), name))?;
    call.writer()?.item(&door.made, &item)
}
