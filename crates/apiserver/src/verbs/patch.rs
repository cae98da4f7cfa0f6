//! `patch`: JSON patch, merge patch, strategic merge patch, apply. All go through the one loop.

use super::{Call, change, change::Current, create, managed_fields::How};
use crate::{Door, answer::Answer, decode, forms, resources::Resource, watch_cache};
use api::AnyObject;
use bytes::Bytes;
use machinery::status::Status;
use serde_json::Value;

const ACCEPTED: &str = "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml";

/// Which of the patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patch {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl Patch {
    fn of(call: &Call) -> Result<Self, Status> {
        match decode::media_type(&call.headers) {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            other => Err(decode::unsupported(other, ACCEPTED)),
        }
    }

    fn change(self, resource: &Resource, document: &Value, body: &Bytes) -> Result<Value, Status> {
        match self {
            Self::Json => machinery::patch::json(document, body),
            Self::Merge => machinery::patch::merge(document, body),
            Self::Strategic => {
                let schemas = api::schema::builtin();
                let law = resource.law;
                match schemas.kind(law.group(), law.version(), law.kind()) {
                    Some(of) => machinery::patch::strategic(document, body, schemas, of),
                    None => machinery::patch::merge(document, body),
                }
            }
            Self::Apply => Err(Status::internal(
                &"apply is not a patch of the document alone",
            )),
        }
    }
}

/// Answers the request.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let patch = Patch::of(call)?;
    let validation = call.field_validation()?;
    if patch == Patch::Apply {
        return super::apply::run(door, call, body).await;
    }
    if call.query.get("force").is_some() {
        return Err(Status::failure(
            422,
            "Invalid",
            "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch",
        ));
    }
    change::run(door, call, How::Update, &mut |current, warnings| {
        let document = document(call, current)?;
        let changed = patch.change(&call.resource, &document, body)?;
        object(call, &changed, validation, warnings)
    })
    .await?
    .answer(call, 200)
}

/// The present object as a tree, in its served form.
pub(crate) fn document(call: &Call, current: &Current) -> Result<Value, Status> {
    forms::tree(&call.resource.view_bytes(&current.item.bytes())?)
}

/// The patched tree as an object. A patch that makes it malformed is the client's mistake: 422.
pub(crate) fn object(
    call: &Call,
    tree: &Value,
    validation: decode::FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn AnyObject>, Status> {
    let json = tree.to_string();
    decode::object(&call.resource, json.as_bytes(), validation, warnings)
}

/// Creates what an apply found absent.
pub(crate) async fn create_applied(
    door: &Door,
    call: &Call,
    view: Box<dyn AnyObject>,
    warnings: &mut Vec<String>,
) -> Answer {
    let (stored, revision) = create::create(door, call, view, How::Applied, warnings).await?;
    let bytes = revision.map_or(stored.clone(), |at| watch_cache::with_revision(&stored, at));
    call.writer()?
        .object(201, call.resource.view_bytes(&bytes)?)
}
