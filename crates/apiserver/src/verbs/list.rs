//! `list`: many objects of one revision, whole or in pages.

use super::{Call, revision, store_failure};
use crate::{Door, answer::Answer, watch_cache::Page};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use machinery::status::Status;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Revision;

/// Where a page ended; opaque to clients.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Continue {
    v: String,
    rv: Revision,
    start: String,
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";

/// Answers the request.
pub(crate) async fn run(door: &Door, call: &Call) -> Answer {
    let selection = call.selection()?;
    let limit = limit(call)?;
    let page = page(door, call, &selection, limit).await?;
    let mut metadata = json!({ "resourceVersion": page.revision.to_string() });
    if let Some(next) = &page.next {
        metadata["continue"] = encode(page.revision, next).into();
        if let Some(remaining) = page.remaining {
            metadata["remainingItemCount"] = remaining.into();
        }
    }
    call.writer()?.list(page.items, metadata)
}

fn limit(call: &Call) -> Result<usize, Status> {
    match call.query.get("limit") {
        None => Ok(0),
        Some(text) => text
            .parse::<i64>()
            .map(|limit| usize::try_from(limit).unwrap_or(0))
            .map_err(|_| {
                Status::bad_request(format!("limit: Invalid value: {text:?}: must be a number"))
            }),
    }
}

async fn page(
    door: &Door,
    call: &Call,
    selection: &crate::watch_cache::Selection,
    limit: usize,
) -> Result<Page, Status> {
    let slot = call.resource.slot;
    let at = revision(call.query.get("resourceVersion"))?;
    let exact = match call.query.get("resourceVersionMatch") {
        None => false,
        Some(_) if at.is_none() => {
            return Err(Status::bad_request(
                "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
            ));
        }
        Some("Exact") if at == Some(0) => {
            return Err(Status::bad_request(
                "resourceVersionMatch: Forbidden: resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"",
            ));
        }
        Some("Exact") => true,
        Some("NotOlderThan") => false,
        Some(other) => {
            return Err(Status::bad_request(format!(
                "resourceVersionMatch: Unsupported value: {other:?}: supported values: \"Exact\", \"NotOlderThan\""
            )));
        }
    };
    if let Some(token) = call.query.get("continue") {
        if at.is_some_and(|at| at != 0) {
            return Err(Status::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        let token = decode(token)?;
        let read = door
            .cache
            .list_at(slot, selection, limit, token.rv, Some(&token.start))
            .await;
        return read.map_err(|error| match error {
            store::Error::Compacted { .. } => Status::expired("The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter."),
            error => store_failure(&error),
        });
    }
    match at {
        None => door.cache.catch_up().await,
        Some(at) => door.cache.reach_named(at).await?,
    }
    match at {
        Some(at) if exact && at != door.cache.revision() => door
            .cache
            .list_at(slot, selection, limit, at, None)
            .await
            .map_err(|error| store_failure(&error)),
        _ => Ok(door.cache.list(slot, selection, limit)),
    }
}

fn encode(revision: Revision, start: &str) -> String {
    let token = Continue {
        v: TOKEN_VERSION.to_owned(),
        rv: revision,
        start: start.to_owned(),
    };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
}

fn decode(text: &str) -> Result<Continue, Status> {
    URL_SAFE_NO_PAD
        .decode(text.trim_end_matches('='))
        .ok()
        .and_then(|json| serde_json::from_slice::<Continue>(&json).ok())
        .filter(|token| token.v == TOKEN_VERSION)
        .ok_or_else(|| Status::bad_request("continue key is not valid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back() {
        let token = decode(&encode(7, "default/a")).unwrap();
        assert_eq!((token.rv, token.start.as_str()), (7, "default/a"));
        assert!(decode("nonsense").is_err());
    }
}
