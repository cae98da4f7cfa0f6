//! A token among the protocols that a WebSocket's client offers: a browser lets its pages set no other field
//! (upstream: `authentication/request/websocket`).

use crate::socket;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header};
use machinery::status::Status;

const PREFIX: &str = "base64url.bearer.authorization.k8s.io.";

/// Takes the token out, so that nobody to whom the request is passed on sees it. One of the other protocols must be
/// left, since the client is answered with one.
///
/// # Errors
/// 401 when there are two, it is no token, or nothing else is offered.
pub(super) fn take(headers: &mut HeaderMap) -> Result<Option<String>, Status> {
    if !socket::is_asked_for(headers) {
        return Ok(None);
    }
    let (tokens, others): (Vec<&str>, Vec<&str>) =
        socket::offered(headers).partition(|it| it.starts_with(PREFIX));
    let token = match tokens.as_slice() {
        [] => return Ok(None),
        [one] if !others.is_empty() => URL_SAFE_NO_PAD.decode(&one[PREFIX.len()..]).ok(),
        _ => None,
    };
    let token = token.and_then(|bytes| String::from_utf8(bytes).ok());
    let left = HeaderValue::try_from(others.join(",")).ok();
    let (token, left) = token.zip(left).ok_or_else(Status::unauthorized)?;
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, left);
    Ok(Some(token))
}
