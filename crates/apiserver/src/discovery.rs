//! Discovery: what is served, as the legacy per-group documents and as the aggregated one. What is served never
//! changes while the server runs, so a document is made when it is first asked for.

mod aggregated;
mod legacy;
mod order;

use crate::{
    Door,
    answer::{self, Answer, Body},
    forms,
    negotiate::{self, Encoding, Form},
    query::Query,
    resources::Resource,
};
use api::protobuf;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use kinds::Subresource;
use sha2::{Digest, Sha256};
use std::{io::Write, sync::Arc};

/// Most bytes of documents kept. What is served has less than half of it in JSON and protobuf together.
pub(crate) const KEPT_BYTES: usize = 512 << 10;
/// Smallest body worth compressing, as upstream.
const GZIP_FROM_BYTES: u64 = 128 << 10;

/// Answers `/api…` and `/apis…` documents.
pub(crate) fn answer(
    door: &Door,
    path: &str,
    query: &Query,
    headers: &HeaderMap,
) -> Option<Answer> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    if let (["api" | "apis"], Some(encoding)) = (parts.as_slice(), wants_aggregated(headers)) {
        return Some(aggregated_answer(door, path, headers, encoding));
    }
    let document = || match parts.as_slice() {
        ["api"] => Some(legacy::core_versions(door)),
        ["apis"] => Some(legacy::groups(&door.resources)),
        ["api", version] => legacy::resources(&door.resources, "", version),
        ["apis", group] => legacy::group(&door.resources, group),
        ["apis", group, version] => legacy::resources(&door.resources, group, version),
        _ => None,
    };
    let json = door
        .discovery
        .get_or(path, || document().map(Bytes::from))?;
    let form = negotiate::form(headers, query, true);
    Some(form.and_then(|form| encoded(door, path, form, json)))
}

/// A document in the wished encoding. What programs ask for is kept.
fn encoded(door: &Door, name: &str, form: Form, json: Bytes) -> Answer {
    let name = format!("{name} {}", form.media_type());
    let protobuf = || protobuf::encode(&json).ok().map(Bytes::from);
    match form.encoding {
        Encoding::Protobuf => match door.discovery.get_or(&name, protobuf) {
            Some(bytes) => Ok(answer::whole(200, form.media_type(), bytes)),
            None => forms::simple(form, 200, json),
        },
        _ => forms::simple(form, 200, json),
    }
}

/// The encoding of the aggregated document, when that is what the client likes best.
fn wants_aggregated(headers: &HeaderMap) -> Option<Encoding> {
    for range in negotiate::ranges(headers) {
        let encoding = match range.media_type {
            "application/json" | "*/*" | "application/*" => Encoding::Json,
            "application/yaml" => Encoding::Yaml,
            "application/vnd.kubernetes.protobuf" => Encoding::Protobuf,
            _ => continue,
        };
        match range.parameter("as") {
            None => return None,
            Some("APIGroupDiscoveryList")
                if range.parameter("g") == Some("apidiscovery.k8s.io")
                    && range.parameter("v") == Some("v2") =>
            {
                return Some(encoding);
            }
            Some(_) => {}
        }
    }
    None
}

/// The aggregated document. Its ETag is that of the JSON in every encoding, which is why `Vary` says
/// that the answer depends on `Accept`.
fn aggregated_answer(door: &Door, path: &str, headers: &HeaderMap, encoding: Encoding) -> Answer {
    let name = format!("{path} aggregated");
    let document = aggregated::document;
    let json = || Some(document(&door.resources, path == "/api").to_string().into());
    let json = door.discovery.get_or(&name, json).unwrap_or_default();
    let media_type = match encoding {
        Encoding::Json => aggregated::JSON,
        Encoding::Yaml => aggregated::YAML,
        Encoding::Protobuf => aggregated::PROTOBUF,
    };
    let tagged = with_etag(headers, json.clone(), media_type);
    if encoding == Encoding::Json || tagged.status() != StatusCode::OK {
        return Ok(tagged);
    }
    let form = Form {
        encoding,
        ..Form::JSON
    };
    let encoded = encoded(door, &name, form, json)?;
    let (parts, _) = tagged.into_parts();
    Ok(Response::from_parts(parts, encoded.into_body()))
}

/// A document with an ETag of its content, or 304 when the client has it.
pub(crate) fn with_etag(
    headers: &HeaderMap,
    bytes: Bytes,
    media_type: &'static str,
) -> Response<Body> {
    let etag = hex(&Sha256::digest(&bytes)).to_uppercase();
    tagged(headers, &etag, bytes, media_type)
}

/// A document with this ETag, or 304 when the client has it.
pub(crate) fn tagged(
    headers: &HeaderMap,
    etag: &str,
    bytes: Bytes,
    media_type: &'static str,
) -> Response<Body> {
    let etag = format!("\"{etag}\"");
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let mut known = value.split(',').map(str::trim);
            known.any(|one| one == "*" || one.trim_start_matches("W/") == etag)
        });
    let mut response = if known {
        answer::whole(304, media_type, Bytes::new())
    } else {
        answer::whole(200, media_type, bytes)
    };
    if let Ok(value) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The subresources of a resource, by name.
fn subresources(resource: &Resource) -> Vec<&'static Subresource> {
    let mut all: Vec<_> = resource.law.subresources().iter().collect();
    all.sort_by_key(|sub| sub.name);
    all
}

/// Upstream's storage version hash: eight bytes of SHA-256 over group/version/kind, in base64.
fn storage_version_hash(resource: &Resource) -> String {
    let text = format!(
        "{}/{}/{}",
        resource.stored.group(),
        resource.stored.version(),
        resource.stored.kind()
    );
    STANDARD.encode(&Sha256::digest(text.as_bytes())[..8])
}

/// Groups in discovery's order, each with its versions, preferred first.
fn groups(resources: &crate::resources::Resources) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
    for resource in resources.all().iter().filter(|it| !it.group().is_empty()) {
        match groups
            .iter_mut()
            .find(|(group, _)| *group == resource.group())
        {
            Some((_, versions)) if versions.contains(&resource.version()) => {}
            Some((_, versions)) => versions.push(resource.version()),
            None => groups.push((resource.group(), vec![resource.version()])),
        }
    }
    groups.sort_by(|(a, _), (b, _)| order::groups(a, b));
    for (_, versions) in &mut groups {
        versions.sort_by(|a, b| order::versions(a, b));
    }
    groups
}

/// The resources of a group version, by plural name.
fn of<'a>(
    resources: &'a crate::resources::Resources,
    group: &str,
    version: &str,
) -> Vec<&'a Arc<Resource>> {
    let mut all: Vec<_> = resources
        .all()
        .iter()
        .filter(|it| it.group() == group && it.version() == version)
        .collect();
    all.sort_by_key(|it| it.names.plural);
    all
}

pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value
                .split(',')
                .any(|one| one.trim().split(';').next() == Some("gzip"))
        })
}

/// Compresses a body that is held whole and large enough.
pub(crate) async fn compressed(response: Response<Body>, accepted: bool) -> Response<Body> {
    let size = response.body().size_hint().exact().unwrap_or(0);
    if !accepted
        || size < GZIP_FROM_BYTES
        || response.headers().contains_key(header::CONTENT_ENCODING)
    {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(whole) = body.collect().await else {
        return answer::status(&machinery::status::Status::internal(&"a body was lost"));
    };
    let plain = whole.to_bytes();
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    let packed = encoder.write_all(&plain).and_then(|()| encoder.finish());
    let body = match packed {
        Ok(packed) => {
            parts
                .headers
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            parts
                .headers
                .append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
            answer::full(packed)
        }
        Err(_) => answer::full(plain),
    };
    Response::from_parts(parts, body)
}
