//! `update`: PUT of a whole object.

use super::{Call, change, create, managed_fields::How, owner_references};
use crate::{Door, answer::Answer, decode};
use bytes::Bytes;

/// Answers the request.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let json = decode::to_json(&call.headers, body)?;
    let mut found = Vec::new();
    let validation = call.field_validation();
    let mut wished = decode::body(call, &json, body, validation, &mut found)?;
    found.extend(owner_references::dedup(&mut *wished, false));
    let changed = change::run(door, call, How::Update, &mut |_, warnings| {
        warnings.extend(found.iter().cloned());
        Ok(wished.clone_box())
    })
    .await;
    let absent = match changed {
        Ok(changed) => return changed.answer(call, 200),
        Err(status) if status.is("NotFound") => status,
        Err(status) => return Err(status),
    };
    change::check_name(call, wished.metadata().name.as_deref())?;
    let uid = &wished.metadata().uid;
    if uid.as_ref().is_some_and(|uid| !uid.is_empty()) {
        return Err(change::other_uid(call, uid, &None));
    }
    if !call.resource.stored.create_on_update() || call.subresource.is_some() {
        return Err(absent);
    }
    wished.metadata_mut().resource_version = None;
    let created = create::create(door, call, wished, How::Update, found).await?;
    created.answer(call, 201)
}
