//! What a list or watch asks for: upstream's `ListOptions` with their validation.

use super::{Call, options};
use machinery::{
    field::{Error, ErrorList, Path},
    status::Status,
};
use store::Revision;

/// How `resourceVersion` is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Exact,
    NotOlderThan,
}

const EXACT: &str = "Exact";
const NOT_OLDER: &str = "NotOlderThan";

/// The options, checked.
#[derive(Clone, Debug)]
pub(crate) struct ListOptions {
    /// None: the present. 0: anything there is.
    pub(crate) revision: Option<Revision>,
    pub(crate) matching: Option<Match>,
    pub(crate) limit: usize,
    pub(crate) continue_token: Option<String>,
    pub(crate) send_initial_events: Option<bool>,
    pub(crate) timeout_seconds: Option<u64>,
}

impl ListOptions {
    /// Reads the options of a list, or of a watch.
    ///
    /// # Errors
    /// 422 for what makes no sense together, 400 for what cannot be read, as upstream tells them apart.
    pub(crate) fn read(call: &Call, watch: bool) -> Result<Self, Status> {
        let query = &call.query;
        let limit = query.integer("limit")?.unwrap_or(0);
        let timeout = query.integer("timeoutSeconds")?;
        let errors = match watch {
            true => watch_errors(call),
            false => list_errors(call),
        };
        options::refuse("ListOptions", &errors)?;
        let matching = match query.get("resourceVersionMatch") {
            Some(EXACT) => Some(Match::Exact),
            Some(_) => Some(Match::NotOlderThan),
            None => None,
        };
        let continue_token = query.get("continue").map(str::to_owned);
        let version = query.get("resourceVersion");
        if continue_token.is_some() && version.is_some_and(|it| it != "0") {
            return Err(Status::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        Ok(Self {
            revision: super::revision(version)?,
            matching,
            limit: usize::try_from(limit).unwrap_or(0),
            continue_token,
            send_initial_events: sends_initial_events(call),
            timeout_seconds: timeout.and_then(|it| u64::try_from(it).ok()),
        })
    }
}

fn sends_initial_events(call: &Call) -> Option<bool> {
    let key = "sendInitialEvents";
    call.query.get(key).map(|_| call.query.truth(key))
}

fn forbidden(field: &str, detail: &str) -> Error {
    Error::forbidden(&Path::new(field), detail)
}

const MATCH: &str = "resourceVersionMatch";

fn list_errors(call: &Call) -> ErrorList {
    let query = &call.query;
    let mut errors = ErrorList::new();
    if let Some(matching) = query.get(MATCH) {
        let version = query.get("resourceVersion");
        if version.is_none() {
            let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.push(forbidden(MATCH, detail));
        }
        errors.extend(no_continue(call));
        if !matches!(matching, EXACT | NOT_OLDER) {
            let path = Path::new(MATCH);
            errors.push(Error::not_supported(
                &path,
                matching,
                &[EXACT, NOT_OLDER, ""],
            ));
        }
        if matching == EXACT && version == Some("0") {
            let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.push(forbidden(MATCH, detail));
        }
    }
    if sends_initial_events(call).is_some() {
        let detail = "sendInitialEvents is forbidden for list";
        errors.push(forbidden("sendInitialEvents", detail));
    }
    errors
}

fn no_continue(call: &Call) -> Option<Error> {
    let detail = "resourceVersionMatch is forbidden when continue is provided";
    call.query.get("continue").map(|_| forbidden(MATCH, detail))
}

fn watch_errors(call: &Call) -> ErrorList {
    let mut errors = ErrorList::new();
    let (matching, sends) = (call.query.get(MATCH), sends_initial_events(call).is_some());
    if sends && matching != Some(NOT_OLDER) {
        let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(forbidden(MATCH, detail));
    }
    if let Some(matching) = matching {
        if !sends {
            let detail =
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.push(forbidden(MATCH, detail));
        }
        if matching != NOT_OLDER {
            let path = Path::new(MATCH);
            errors.push(Error::not_supported(&path, matching, &[NOT_OLDER]));
        }
        errors.extend(no_continue(call));
    }
    errors
}
