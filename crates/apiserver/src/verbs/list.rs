//! `list`: many objects of one revision, whole or in pages.

use super::{
    Call,
    list_options::{ListOptions, Match},
    seen, store_failure,
};
use crate::{
    Door,
    answer::Answer,
    watch_cache::{Page, Selection},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use machinery::status::Status;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Revision;

/// Where a page ended; opaque to clients, but in upstream's form.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Continue {
    v: String,
    /// The revision of the list; negative: whatever is there now.
    rv: i64,
    /// The key after which to go on, and a zero byte.
    start: String,
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";
const LIST_EXPIRED: &str = "The resourceVersion for the provided list is too old.";
const TOKEN_EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/// Answers the request.
pub(crate) async fn run(door: &Door, call: &Call) -> Answer {
    let selection = call.selection()?;
    let page = page(door, call, &selection).await?;
    let metadata = metadata(&page, &selection);
    call.writer()?.list(&door.made, page.items, metadata)
}

/// The metadata of the list that shows a page.
pub(crate) fn metadata(page: &Page, selection: &Selection) -> Value {
    let mut metadata = json!({ "resourceVersion": page.revision.to_string() });
    if let Some(next) = &page.next {
        let prefix = selection.key_prefix();
        let after = next.strip_prefix(&*prefix).unwrap_or(next);
        let revision = i64::try_from(page.revision).unwrap_or(i64::MAX);
        metadata["continue"] = encode(revision, after).into();
        if let Some(remaining) = page.remaining {
            metadata["remainingItemCount"] = remaining.into();
        }
    }
    metadata
}

/// The page that the call asks for.
pub(crate) async fn page(door: &Door, call: &Call, selection: &Selection) -> Result<Page, Status> {
    let options = ListOptions::read(call, false)?;
    if let Some(mut items) = seen::items(door, call) {
        items.retain(|item| selection.matches(item));
        return Ok(Page::whole(items, door.cache.revision()));
    }
    let (slot, limit) = (call.resource.slot, options.limit);
    if let Some(token) = &options.continue_token {
        return go_on(door, call, selection, limit, token).await;
    }
    let exact = match (options.revision, options.matching) {
        (Some(0) | None, _) | (_, Some(Match::NotOlderThan)) => None,
        (at, Some(Match::Exact)) => at,
        // Whoever pages from a revision means that one.
        (at, None) => at.filter(|_| limit > 0),
    };
    match options.revision {
        None => door.cache.catch_up().await,
        Some(at) => door.cache.reach_named(at).await?,
    }
    match exact {
        Some(at) => {
            let read = door.cache.list_at(slot, selection, limit, at, None).await;
            read.map_err(|error| match error {
                store::Error::Compacted { .. } => Status::expired(LIST_EXPIRED),
                error => store_failure(&error),
            })
        }
        // Anything there is: upstream's cache knows no pages of that.
        None if options.revision == Some(0) => Ok(door.cache.list(slot, selection, 0)),
        None => Ok(door.cache.list(slot, selection, limit)),
    }
}

async fn go_on(
    door: &Door,
    call: &Call,
    selection: &Selection,
    limit: usize,
    token: &str,
) -> Result<Page, Status> {
    let slot = call.resource.slot;
    let token = decode(token)
        .map_err(|error| Status::bad_request(format!("invalid continue token: {error}")))?;
    let after = format!("{}{}", selection.key_prefix(), token.start);
    let Ok(at) = Revision::try_from(token.rv) else {
        door.cache.catch_up().await;
        return Ok(door.cache.list_after(slot, selection, limit, Some(&after)));
    };
    door.cache.reach_named(at).await?;
    let read = door
        .cache
        .list_at(slot, selection, limit, at, Some(&after))
        .await;
    read.map_err(|error| match error {
        store::Error::Compacted { .. } => {
            let mut status = Status::expired(TOKEN_EXPIRED);
            status.metadata.continue_token = encode(-1, &token.start);
            status
        }
        error => store_failure(&error),
    })
}

fn encode(rv: i64, after: &str) -> String {
    let token = Continue {
        v: TOKEN_VERSION.to_owned(),
        rv,
        start: format!("{after}\0"),
    };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
}

/// Reads a token; its `start` without the zero byte.
fn decode(text: &str) -> Result<Continue, String> {
    let invalid = "continue key is not valid";
    let json = URL_SAFE_NO_PAD
        .decode(text.trim_end_matches('='))
        .map_err(|error| format!("{invalid}: {error}"))?;
    let mut token: Continue =
        serde_json::from_slice(&json).map_err(|error| format!("{invalid}: {error}"))?;
    if token.v != TOKEN_VERSION {
        return Err(format!(
            "{invalid}: server does not recognize this encoded version {}",
            token.v
        ));
    }
    if token.rv == 0 {
        return Err(format!(
            "{invalid}: incorrect encoded start resourceVersion (version meta.k8s.io/v1)"
        ));
    }
    if token.start.is_empty() {
        return Err(format!(
            "{invalid}: encoded start key empty (version meta.k8s.io/v1)"
        ));
    }
    // A token must not lead out of what is listed.
    let plain = token.start.trim_end_matches('\0');
    let leads_out = |part: &str| matches!(part, "" | "." | "..");
    if plain.trim_start_matches('/').split('/').any(leads_out) {
        return Err(format!("{invalid}: {}", token.start));
    }
    token.start = plain.to_owned();
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_in_upstreams_form() {
        let text = encode(7, "default/a");
        assert_eq!(
            URL_SAFE_NO_PAD.decode(&text).unwrap(),
            br#"{"v":"meta.k8s.io/v1","rv":7,"start":"default/a\u0000"}"#
        );
        let token = decode(&text).unwrap();
        assert_eq!((token.rv, token.start.as_str()), (7, "default/a"));
        let table = [
            (r#"{"v":"v9","rv":1,"start":"a"}"#, "encoded version v9"),
            (
                r#"{"v":"meta.k8s.io/v1","rv":0,"start":"a"}"#,
                "resourceVersion",
            ),
            (
                r#"{"v":"meta.k8s.io/v1","rv":1,"start":""}"#,
                "start key empty",
            ),
            (
                r#"{"v":"meta.k8s.io/v1","rv":1,"start":"../x"}"#,
                "not valid: ../x",
            ),
            ("{", "not valid"),
        ];
        for (json, wrong) in table {
            let error = decode(&URL_SAFE_NO_PAD.encode(json)).unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn damaged_continue_tokens_lead_nowhere_else() {
        fuzz::run("continue tokens", 3000, |random| {
            let parts = ["default", "/", "..", ".", "\\u0000", "a", "\\", "\""];
            let (start, rv) = (
                random.text(&parts, 6),
                random.pick(&["1", "-1", "0", "1e3", "9223372036854775808"]),
            );
            let json = format!(r#"{{"v":"{TOKEN_VERSION}","rv":{rv},"start":"{start}"}}"#);
            let json = match random.below(2) {
                0 => json.into_bytes(),
                _ => random.damaged(json.as_bytes(), br#","rv":-1,"start":"../../secrets/"#),
            };
            let text = match random.below(4) {
                0 => String::from_utf8_lossy(
                    &random.damaged(URL_SAFE_NO_PAD.encode(json).as_bytes(), b"=+/"),
                )
                .into_owned(),
                _ => URL_SAFE_NO_PAD.encode(json),
            };
            let Ok(token) = decode(&text) else { return };
            let parts = token.start.trim_start_matches('/').split('/');
            assert!(
                parts.clone().all(|part| !matches!(part, "" | "." | "..")),
                "{token:?}"
            );
            assert!(token.rv != 0, "{token:?}");
            assert_eq!(decode(&encode(token.rv, &token.start)), Ok(token));
        });
    }
}
