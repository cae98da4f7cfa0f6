//! Switching protocols: reading what the client offers, and the 101 that answers it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const SPDY: &str = "SPDY/3.1";
/// Negotiates among versions of a protocol over SPDY.
const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

pub(super) fn is_websocket(headers: &HeaderMap) -> bool {
    has_token(headers, header::CONNECTION, "upgrade")
        && has_token(headers, header::UPGRADE, "websocket")
}

pub(super) fn is_spdy(headers: &HeaderMap) -> bool {
    has_token(headers, header::CONNECTION, "upgrade") && has_token(headers, header::UPGRADE, SPDY)
}

/// The first of `known`, in our order of preference, that the client offers. A client that offers nothing gets
/// `otherwise`; one that offers only unknown ones gets nothing.
fn choose(
    headers: &HeaderMap,
    name: &HeaderName,
    known: &[&'static str],
    otherwise: Option<&'static str>,
) -> Option<&'static str> {
    if !headers.contains_key(name) {
        return otherwise;
    }
    known
        .iter()
        .copied()
        .find(|one| has_token(headers, name.clone(), one))
}

/// The protocol agreed on, and the answer that says so.
type Accepted = (&'static str, Response<Full<Bytes>>);
/// The answer that says why not.
type Refused = Box<Response<Full<Bytes>>>;

/// The WebSocket subprotocol and the answer that accepts it; or a refusal.
pub(super) fn websocket(
    headers: &HeaderMap,
    known: &[&'static str],
    otherwise: Option<&'static str>,
) -> Result<Accepted, Refused> {
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY) else {
        return Err(Box::new(refuse(
            "the WebSocket request has no Sec-WebSocket-Key",
        )));
    };
    let Some(protocol) = choose(headers, &header::SEC_WEBSOCKET_PROTOCOL, known, otherwise) else {
        return Err(Box::new(refuse(&format!(
            "none of the offered subprotocols is known; known are {}",
            known.join(", ")
        ))));
    };
    let mut response = switching("websocket");
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()));
    let accept = accept.map_err(|_| Box::new(refuse("the Sec-WebSocket-Key is malformed")))?;
    response
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if !protocol.is_empty() {
        response.headers_mut().insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(protocol),
        );
    }
    Ok((protocol, response))
}

/// The stream protocol over SPDY and the answer that accepts it; or a refusal.
pub(super) fn spdy(
    headers: &HeaderMap,
    known: &[&'static str],
    otherwise: &'static str,
) -> Result<Accepted, Refused> {
    let Some(protocol) = choose(headers, &STREAM_PROTOCOL, known, Some(otherwise)) else {
        return Err(Box::new(refuse(&format!(
            "none of the offered stream protocols is known; known are {}",
            known.join(", ")
        ))));
    };
    let mut response = switching(SPDY);
    if headers.contains_key(&STREAM_PROTOCOL) {
        response
            .headers_mut()
            .insert(STREAM_PROTOCOL, HeaderValue::from_static(protocol));
    }
    Ok((protocol, response))
}

fn switching(to: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(to));
    response
}

/// 400 with a sentence.
pub(super) fn refuse(why: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{why}\n"))));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let map = |(name, value): &(HeaderName, &'static str)| {
            (name.clone(), HeaderValue::from_static(value))
        };
        pairs.iter().map(map).collect()
    }

    #[test]
    fn the_preferred_offer_is_taken() {
        let offer = headers(&[
            (header::CONNECTION, "keep-alive, Upgrade"),
            (header::UPGRADE, "websocket"),
            (header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
            (
                header::SEC_WEBSOCKET_PROTOCOL,
                "v4.channel.k8s.io, v5.channel.k8s.io",
            ),
        ]);
        assert!(is_websocket(&offer) && !is_spdy(&offer));
        let (protocol, response) =
            websocket(&offer, &["v5.channel.k8s.io", "v4.channel.k8s.io"], None).unwrap();
        assert_eq!(protocol, "v5.channel.k8s.io");
        assert_eq!(
            response.headers()[header::SEC_WEBSOCKET_ACCEPT],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert_eq!(
            websocket(&offer, &["other"], Some(""))
                .unwrap_err()
                .status(),
            400
        );
    }

    #[test]
    fn spdy_without_an_offer_gets_the_oldest() {
        let offer = headers(&[
            (header::CONNECTION, "Upgrade"),
            (header::UPGRADE, "SPDY/3.1"),
        ]);
        assert!(is_spdy(&offer));
        let (protocol, response) = spdy(&offer, &["v4.channel.k8s.io"], "channel.k8s.io").unwrap();
        assert_eq!(protocol, "channel.k8s.io");
        assert_eq!(response.headers()[header::UPGRADE], "SPDY/3.1");
    }
}
