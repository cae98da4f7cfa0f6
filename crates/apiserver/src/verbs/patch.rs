//! `patch`: JSON patch, merge patch, strategic merge patch, apply. All go through the one loop.

use super::{Call, change, change::Current, managed_fields::How};
use crate::{
    Door,
    answer::Answer,
    decode::{self, FieldValidation},
    forms,
    resources::Resource,
};
use api::{AnyObject, strict};
use bytes::Bytes;
use machinery::{
    field,
    status::{self, Status},
};
use serde_json::Value;

pub(crate) const ACCEPTED: &str = "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml";

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
            Self::Strategic => match resource.schema() {
                Some((schemas, of)) => machinery::patch::strategic(document, body, schemas, of),
                None => machinery::patch::merge(document, body),
            },
            Self::Apply => Err(Status::internal(
                &"apply is not a patch of the document alone",
            )),
        }
    }

    /// What strictness finds in the patch itself: duplicate fields, and fields no operation has.
    fn findings(self, body: &[u8], validation: FieldValidation) -> Result<Vec<String>, Status> {
        if validation == FieldValidation::Ignore {
            return Ok(Vec::new());
        }
        match self {
            Self::Json => machinery::patch::strict_operations(body),
            _ => machinery::patch::duplicates(body),
        }
    }

    /// The patched tree as an object, held against the schema as strictly as was asked for. Upstream
    /// tells what is wrong beside the whole document (of a strategic patch: the patch, as Go prints it).
    fn object(
        self,
        call: &Call,
        tree: &Value,
        body: &[u8],
        validation: FieldValidation,
        found: &[String],
        warnings: &mut Vec<String>,
    ) -> Result<Box<dyn AnyObject>, Status> {
        let json = tree.to_string();
        let refuse = |wrong: &str| {
            let shown = match self {
                Self::Strategic => serde_json::from_slice(body)
                    .map_or_else(|_| json.clone(), |patch| machinery::patch::go_text(&patch)),
                _ => json.clone(),
            };
            let nothing = status::Resource {
                group: "",
                plural: "",
            };
            let error = field::Error::invalid(&field::Path::new("patch"), shown, wrong);
            Status::invalid(nothing, "", &[error])
        };
        let check = match self {
            Self::Strategic => strict::report_of_tree,
            _ => strict::report,
        };
        let report = decode::findings(&call.resource, json.as_bytes(), check);
        if let Some(wrong) = report.malformed {
            return Err(refuse(&wrong));
        }
        let all: Vec<String> = found.iter().cloned().chain(report.strict).collect();
        match validation {
            FieldValidation::Strict if !all.is_empty() => {
                return Err(refuse(&format!(
                    "strict decoding error: {}",
                    all.join(", ")
                )));
            }
            FieldValidation::Warn => warnings.extend(all),
            _ => {}
        }
        let odd = report.is_odd;
        decode::checked_object(&call.resource, json.as_bytes(), odd, warnings)
    }
}

/// Answers the request.
pub(crate) async fn run(door: &Door, call: &Call, body: &Bytes) -> Answer {
    let patch = Patch::of(call)?;
    let validation = call.field_validation();
    if patch == Patch::Apply {
        return super::apply::run(door, call, body).await;
    }
    let found = patch.findings(body, validation)?;
    change::run(door, call, How::Update, &mut |current, warnings| {
        let document = document(call, current)?;
        let changed = patch.change(&call.resource, &document, body)?;
        patch.object(call, &changed, body, validation, &found, warnings)
    })
    .await?
    .answer(call, 200)
}

/// The present object as a tree, in its served form.
pub(crate) fn document(call: &Call, current: &Current) -> Result<Value, Status> {
    forms::tree(&call.resource.view_bytes(&current.item.bytes())?)
}
