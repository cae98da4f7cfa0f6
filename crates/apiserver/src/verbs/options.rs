//! The options of a write, as the query says them: upstream's `CreateOptions`, `UpdateOptions` and
//! `PatchOptions` with their validation.

use super::Call;
use crate::decode::{self, FieldValidation};
use machinery::{
    apply::MANAGER_LIMIT_BYTES,
    field::{Error, ErrorList, Path},
    status::{Resource, Status},
};

/// Refuses options that make no sense, before anything else is looked at.
pub(crate) fn check(call: &Call) -> Result<(), Status> {
    let kind = match call.verb {
        "create" => "CreateOptions",
        "update" => "UpdateOptions",
        "patch" => "PatchOptions",
        _ => return Ok(()),
    };
    let manager = call.query.get("fieldManager");
    let mut errors = ErrorList::new();
    if call.verb == "patch" {
        let applies = decode::media_type(&call.headers) == "application/apply-patch+yaml";
        if applies && manager.is_none() {
            let path = Path::new("fieldManager");
            errors.push(Error::required(&path, "is required for apply patch"));
        }
        if !applies && call.query.get("force").is_some() {
            let path = Path::new("force");
            errors.push(Error::forbidden(
                &path,
                "may not be specified for non-apply patch",
            ));
        }
    }
    errors.extend(manager.map(manager_errors).unwrap_or_default());
    errors.extend(dry_run_error(&call.query.all("dryRun").collect::<Vec<_>>()));
    if let Some(text) = call.query.get("fieldValidation")
        && FieldValidation::parse(Some(text)).is_none()
    {
        errors.push(Error::not_supported(
            &Path::new("fieldValidation"),
            text,
            &["", "Ignore", "Strict", "Warn"],
        ));
    }
    refuse(kind, &errors)
}

fn manager_errors(manager: &str) -> ErrorList {
    let path = Path::new("fieldManager");
    let mut errors = ErrorList::new();
    if manager.len() > MANAGER_LIMIT_BYTES {
        errors.push(Error::too_long(&path, MANAGER_LIMIT_BYTES));
    }
    for (position, c) in manager.char_indices().filter(|(_, c)| c.is_control()) {
        errors.push(Error::invalid(
            &path,
            manager,
            &format!(
                "invalid character U+{:04X} (at position {position})",
                u32::from(c)
            ),
        ));
    }
    errors
}

/// `dryRun` may be `All`, once or more often.
pub(crate) fn dry_run_error(values: &[&str]) -> Option<Error> {
    let values: Vec<&str> = values.iter().copied().filter(|it| !it.is_empty()).collect();
    let known = values.iter().all(|value| *value == "All");
    (!known)
        .then(|| Error::not_supported(&Path::new("dryRun"), serde_json::json!(values), &["All"]))
}

/// 422 about options of that kind, when anything is wrong.
pub(crate) fn refuse(kind: &str, errors: &[Error]) -> Result<(), Status> {
    if errors.is_empty() {
        return Ok(());
    }
    let kind = Resource {
        group: "meta.k8s.io",
        plural: kind,
    };
    Err(Status::invalid(kind, "", errors))
}
