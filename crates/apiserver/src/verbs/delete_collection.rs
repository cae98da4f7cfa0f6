//! `deletecollection`: every selected object, each deleted as if alone.

use super::{Call, delete};
use crate::{Door, answer::Answer};
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;

/// Answers the request with the list of what was there.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let options = delete::Options::read(call, body)?;
    let selection = call.selection()?;
    door.cache.catch_up().await;
    let page = door.cache.list(call.resource.slot, &selection, 0);
    for item in &page.items {
        let one = Call {
            resource: Arc::clone(&call.resource),
            subresource: None,
            target: crate::route::Target {
                namespace: item.namespace().to_owned(),
                name: item.name().to_owned(),
                ..call.target.clone()
            },
            verb: "delete",
            query: call.query.clone(),
            headers: call.headers.clone(),
            user: call.user.clone(),
            form: call.form,
            now: call.now,
        };
        match delete::delete(door, &one, &options).await {
            Ok(_) => {}
            // Somebody else was faster.
            Err(status) if status.is("NotFound") => {}
            Err(status) => return Err(status),
        }
    }
    call.writer()?.list(
        page.items,
        json!({ "resourceVersion": page.revision.to_string() }),
    )
}
