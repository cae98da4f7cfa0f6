//! `deletecollection`: every selected object, each deleted as if alone.

use super::{Call, delete, list};
use crate::{Door, answer::Answer};
use bytes::Bytes;
use std::sync::Arc;

/// Answers the request with the list of what was there.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let options = delete::Options::read(call, body)?;
    let selection = call.selection()?;
    let page = list::page(door, call, &selection).await?;
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
    let metadata = list::metadata(&page, &selection);
    call.writer()?.list(page.items, metadata)
}
