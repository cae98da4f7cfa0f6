//! `update`: PUT of a whole object.

use super::{Call, change, create, managed_fields::How};
use crate::{Door, answer::Answer, decode, watch_cache};
use bytes::Bytes;

/// Answers the request.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let json = decode::to_json(&call.headers, body)?;
    let mut found = Vec::new();
    let wished = decode::object(&call.resource, &json, call.field_validation()?, &mut found)?;
    let changed = change::run(door, call, How::Update, &mut |_, warnings| {
        warnings.extend(found.iter().cloned());
        Ok(wished.clone_box())
    })
    .await;
    match changed {
        Ok(changed) => changed.answer(call, 200),
        Err(status)
            if status.is("NotFound")
                && call.resource.stored.create_on_update()
                && call.subresource.is_none() =>
        {
            let (stored, revision) =
                create::create(door, call, wished, How::Update, &mut found).await?;
            let bytes =
                revision.map_or(stored.clone(), |at| watch_cache::with_revision(&stored, at));
            call.writer()?
                .object(201, call.resource.view_bytes(&bytes)?)
        }
        Err(status) => Err(status),
    }
}
