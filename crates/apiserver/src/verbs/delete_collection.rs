//! `deletecollection`: every selected object, each deleted as if alone.

use super::{Call, delete, list};
use crate::{Door, answer::Answer};
use bytes::Bytes;

/// Answers the request with the list of what was there.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let options = delete::Options::read(call, body)?;
    let selection = call.selection()?;
    let page = list::page(door, call, &selection).await?;
    let mut one = call.clone();
    one.verb = "delete";
    for item in &page.items {
        item.namespace().clone_into(&mut one.target.namespace);
        item.name().clone_into(&mut one.target.name);
        match delete::delete(door, &one, &options).await {
            Ok(_) => {}
            // Somebody else was faster.
            Err(status) if status.is("NotFound") => {}
            Err(status) => return Err(status),
        }
    }
    let metadata = list::metadata(&page, &selection);
    call.writer()?.list(&door.made, page.items, metadata)
}
