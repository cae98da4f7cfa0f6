//! Requests passed on to a web server in a pod, behind a service or on a node: what the server is told about
//! the proxy, and how its answer leads back through it.

use super::{Stream, forward, links::Mount};
use crate::{
    Door,
    answer::{self, Answer, Body},
    decode::unpacked,
};
use bytes::{Bytes, BytesMut};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

/// The longest page whose links are followed; a longer one is passed on as it is.
const PAGE_BYTES: usize = 4 << 20;

/// The request's path as the client asked for it.
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// Upstream's answer to a reader who left out the slash behind which the page's root is.
pub(super) fn to_the_root(request: &Request<Body>, rest: &str) -> Option<Response<Body>> {
    let (uri, method) = (request.uri(), request.method());
    let reads = *method == Method::GET || *method == Method::HEAD;
    let upgrades = request.headers().contains_key(header::UPGRADE);
    if !reads || upgrades || !rest.is_empty() || uri.path().ends_with('/') {
        return None;
    }
    let query = uri.query().map_or(String::new(), |it| format!("?{it}"));
    let to = HeaderValue::from_str(&format!("{}/{query}", uri.path())).ok()?;
    Some(answer::moved(to))
}

/// Passes the request on to `asked`, a host and port.
pub(super) async fn run(
    door: &Door,
    stream: Box<dyn Stream>,
    asked: String,
    (rest, path_and_query): (&str, &str),
    mut request: Request<Body>,
) -> Answer {
    let path = request.uri().path();
    let named = request.headers().get(header::HOST);
    let mount = Mount {
        prefix: path
            .strip_suffix(rest)
            .unwrap_or(path)
            .trim_end_matches('/')
            .to_owned(),
        asked,
        named: named
            .and_then(|it| it.to_str().ok())
            .or(request.uri().authority().map(http::uri::Authority::as_str))
            .unwrap_or_default()
            .to_owned(),
    };
    if let Ok(uri) = HeaderValue::from_str(path) {
        request.headers_mut().insert(FORWARDED_URI, uri);
    }
    let has_body = request.method() != Method::HEAD;
    let mut response = forward(door, stream, path_and_query, request).await?;
    if let Some(location) = response.headers().get(header::LOCATION) {
        let link = location.to_str().ok().and_then(|it| mount.link(it));
        if let Some(link) = link.and_then(|it| HeaderValue::from_str(&it).ok()) {
            response.headers_mut().insert(header::LOCATION, link);
        }
        return Ok(response);
    }
    if has_body && is_page(&response) {
        return Ok(followed(response, &mount).await);
    }
    Ok(response)
}

fn is_page(response: &Response<Body>) -> bool {
    let of = |name| Some(response.headers().get(name)?.to_str().unwrap_or("?"));
    let media_type = of(header::CONTENT_TYPE).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default();
    // Other encodings are not understood, so their links stay.
    let known = matches!(of(header::CONTENT_ENCODING), None | Some("" | "gzip"));
    known && media_type.trim() == "text/html"
}

/// The page with its links rewritten; as it is when it is too long or broken.
async fn followed(response: Response<Body>, mount: &Mount) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    // Boxed: the compiler cannot prove this body's future `Send` within the request's.
    let reading: BoxFuture<'static, _> = page(body).boxed();
    let page = match reading.await {
        Ok(page) => page,
        Err(body) => return Response::from_parts(parts, body),
    };
    let packed = parts.headers.contains_key(header::CONTENT_ENCODING);
    let plain = if packed {
        unpacked(&page, PAGE_BYTES).ok().flatten()
    } else {
        Some(page.to_vec())
    };
    let Some(plain) = plain else {
        return Response::from_parts(parts, answer::full(page));
    };
    let page = mount.page(&plain);
    parts.headers.remove(header::CONTENT_ENCODING);
    parts
        .headers
        .insert(header::CONTENT_LENGTH, page.len().into());
    Response::from_parts(parts, answer::full(page))
}

/// The whole body, or a body that is the same when it is too long or breaks off.
async fn page(mut body: Body) -> Result<Bytes, Body> {
    let mut page = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let (frame, ends) = match frame {
            Ok(frame) => match frame.into_data() {
                Ok(bytes) => {
                    page.extend_from_slice(&bytes);
                    (None, page.len() > PAGE_BYTES)
                }
                Err(trailers) => (Some(Ok(trailers)), true),
            },
            Err(error) => (Some(Err(error)), true),
        };
        if ends {
            let first = stream::iter([Ok(Frame::data(page.freeze()))]);
            let frames = first.chain(stream::iter(frame));
            let frames = frames.chain(http_body_util::BodyStream::new(body));
            return Err(StreamBody::new(frames).boxed_unsync());
        }
    }
    Ok(page.freeze())
}
