//! Bodies and plain answers.

use crate::{BoxError, forms, negotiate::Form};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use machinery::status::Status;

/// A body of a request or an answer.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// What every step of the path returns.
pub(crate) type Answer = Result<Response<Body>, Status>;

/// A body held whole.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// An answer held whole.
pub(crate) fn whole(
    code: u16,
    media_type: &'static str,
    bytes: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::new(full(bytes));
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// JSON.
pub(crate) fn json(code: u16, bytes: impl Into<Bytes>) -> Response<Body> {
    whole(code, "application/json", bytes)
}

/// Plain text.
pub(crate) fn text(code: u16, text: impl Into<String>) -> Response<Body> {
    let mut response = whole(code, "text/plain; charset=utf-8", text.into());
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// What was asked for is elsewhere.
pub(crate) fn moved(to: HeaderValue) -> Response<Body> {
    let mut response = text(301, "");
    response.headers_mut().insert(header::LOCATION, to);
    response
}

/// A Status as an answer, in JSON.
pub(crate) fn status(status: &Status) -> Response<Body> {
    status_in(Form::JSON, status)
}

/// A Status as an answer, in the form that the client asked for.
pub(crate) fn status_in(form: Form, status: &Status) -> Response<Body> {
    let encoded = status.encode();
    let mut response = forms::simple(form, status.code, encoded.clone())
        .unwrap_or_else(|_| json(status.code, encoded));
    let retry = status
        .details
        .as_ref()
        .map_or(0, |it| it.retry_after_seconds);
    if retry > 0 {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(retry));
    }
    response
}

/// Adds `Warning: 299 - "text"` headers; at most 4 KiB in all, as upstream truncates them.
pub(crate) fn warn(response: &mut Response<Body>, warnings: &[String]) {
    const LIMIT_BYTES: usize = 4096;
    let mut seen: Vec<&String> = Vec::new();
    let mut size = 0;
    for warning in warnings {
        if seen.contains(&warning) {
            continue;
        }
        seen.push(warning);
        let escaped: String = warning
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .flat_map(|c| match c {
                '"' | '\\' => vec!['\\', c],
                c => vec![c],
            })
            .collect();
        size += escaped.len();
        if size > LIMIT_BYTES {
            return;
        }
        if let Ok(value) = HeaderValue::from_bytes(format!("299 - \"{escaped}\"").as_bytes()) {
            response.headers_mut().append(header::WARNING, value);
        }
    }
}
