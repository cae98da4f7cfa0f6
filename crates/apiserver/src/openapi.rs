//! `/openapi/v2` and `/openapi/v3`: made when asked for and kept compressed for a while, since they are
//! large and seldom read.

mod parameters;
mod paths;
mod roots;
mod shelf;

use crate::{
    Door,
    answer::{self, Answer},
    discovery, negotiate,
    query::Query,
    resources::{Resources, api_version},
};
use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use http::{HeaderMap, HeaderValue, header};
use jiff::{ToSpan, tz::TimeZone};
use machinery::status::Status;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};

pub(crate) use shelf::Documents;

/// How a document is written: the media types that ask for it, the one that it is answered in, and
/// what makes it.
struct Encoding {
    asked: &'static [&'static str],
    answered: &'static str,
    write: fn(&Value) -> Vec<u8>,
}

const JSON: Encoding = Encoding {
    asked: &["application/json", "application/*", "*/*"],
    answered: "application/json",
    write: |document| document.to_string().into_bytes(),
};

const V2_PROTOBUF: Encoding = Encoding {
    asked: &[
        "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    ],
    answered: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    write: api::openapi::gnostic::v2,
};

const V3_PROTOBUF: Encoding = Encoding {
    asked: &[
        "application/com.github.proto-openapi.spec.v3@v1.0+protobuf",
        "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
    ],
    answered: "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
    write: api::openapi::gnostic::v3,
};

/// The encoding that the client likes best.
fn encoding(headers: &HeaderMap, protobuf: &'static Encoding) -> Result<&'static Encoding, Status> {
    let ranges = negotiate::ranges(headers);
    if ranges.is_empty() {
        return Ok(&JSON);
    }
    let asked = |range: &negotiate::Range<'_>| {
        [protobuf, &JSON]
            .into_iter()
            .find(|it| it.asked.contains(&range.media_type))
    };
    let found = ranges.iter().find_map(asked);
    found.ok_or_else(|| {
        negotiate::not_acceptable(&format!("{}, {}", JSON.answered, protobuf.answered))
    })
}

/// Answers, when the path is one of these.
pub(crate) fn answer(
    door: &Door,
    path: &str,
    query: &Query,
    headers: &HeaderMap,
) -> Option<Answer> {
    let below = path.strip_prefix("/openapi/")?.trim_end_matches('/');
    let served = &door.resources;
    match below {
        "v2" => Some(
            encoding(headers, &V2_PROTOBUF)
                .and_then(|encoding| document(door, "v2", headers, encoding, || v2(served))),
        ),
        "v3" => Some(Ok(discovery::with_etag(
            headers,
            index(served).to_string().into(),
            "application/json",
        ))),
        below => {
            let name = below.strip_prefix("v3/")?;
            let known = roots::names(served).iter().any(|own| own == name)
                || group_version(name)
                    .is_some_and(|(group, version)| served.serves(group, version));
            known.then(|| one_of_v3(door, name, query, headers))
        }
    }
}

/// `api/v1`, `apis/apps/v1`.
fn group_version(name: &str) -> Option<(&str, &str)> {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        ["api", version] => Some(("", version)),
        ["apis", group, version] => Some((group, version)),
        _ => None,
    }
}

/// A document by its hash never changes; by another hash the client is sent to the one there is.
fn one_of_v3(door: &Door, name: &str, query: &Query, headers: &HeaderMap) -> Answer {
    let asked = query.get("hash").filter(|hash| !hash.is_empty());
    if asked.is_some_and(|asked| asked != hash(name)) {
        let mut response = answer::text(301, "");
        if let Ok(url) = HeaderValue::from_str(&url(name)) {
            response.headers_mut().insert(header::LOCATION, url);
        }
        return Ok(response);
    }
    let encoding = encoding(headers, &V3_PROTOBUF)?;
    let mut response = document(door, name, headers, encoding, || v3(&door.resources, name))?;
    if asked.is_some() {
        let immutable = HeaderValue::from_static("public, immutable");
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, immutable);
        let year = door
            .config
            .clock
            .now()
            .to_zoned(TimeZone::UTC)
            .saturating_add(1.year());
        let expires = year.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(expires) = HeaderValue::from_str(&expires) {
            response.headers_mut().insert(header::EXPIRES, expires);
        }
    }
    Ok(response)
}

/// A document from the shelf, made when it is not there. A client that has it costs nothing.
fn document(
    door: &Door,
    name: &str,
    headers: &HeaderMap,
    encoding: &Encoding,
    make: impl FnOnce() -> Value,
) -> Answer {
    let tagged = |bytes| discovery::tagged(headers, &hash(name), bytes, encoding.answered);
    let mut response = tagged(Bytes::new());
    if response.status() != http::StatusCode::OK {
        return Ok(response);
    }
    let key = format!("{name} {}", encoding.answered);
    let packed = match door.openapi.get(&key) {
        Some(packed) => packed,
        None => {
            let packed =
                pack(&(encoding.write)(&make())).map_err(|error| Status::internal(&error))?;
            door.openapi.put(&key, &packed);
            packed
        }
    };
    if discovery::accepts_gzip(headers) {
        *response.body_mut() = answer::full(packed);
        let gzip = HeaderValue::from_static("gzip");
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, gzip);
        return Ok(response);
    }
    let mut plain = Vec::new();
    GzDecoder::new(&packed[..])
        .read_to_end(&mut plain)
        .map_err(|error| Status::internal(&error))?;
    *response.body_mut() = answer::full(plain);
    Ok(response)
}

fn pack(document: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(document)?;
    Ok(encoder.finish()?.into())
}

/// What a document is made from: the build and the name. It need not be made to be named.
fn hash(name: &str) -> String {
    let version = machinery::versions::info().to_string();
    discovery::hex(&Sha256::digest(format!("{version}\n{name}").as_bytes())).to_uppercase()
}

fn url(name: &str) -> String {
    format!("/openapi/v3/{name}?hash={}", hash(name))
}

fn index(resources: &Resources) -> Value {
    let mut names = roots::names(resources);
    for resource in resources.all() {
        let root = match resource.group() {
            "" => "api",
            _ => "apis",
        };
        names.push(format!(
            "{root}/{}",
            api_version(resource.group(), resource.version())
        ));
    }
    let paths = names.into_iter().map(|name| {
        let url = url(&name);
        (name, json!({ "serverRelativeURL": url }))
    });
    json!({ "paths": Map::from_iter(paths) })
}

fn info() -> Value {
    json!({ "title": "Kubernetes", "version": machinery::versions::info()["gitVersion"] })
}

fn v3(resources: &Resources, name: &str) -> Value {
    let schemas = api::schema::builtin();
    let (paths, components) = match group_version(name) {
        Some((group, version)) => {
            let only = Some((group, version));
            let mut paths = paths::of(resources, only, paths::Dialect::V3);
            paths.extend([roots::of_version(group, version, paths::Dialect::V3)]);
            (paths, components(resources, group, version))
        }
        None => {
            let (paths, answer) = roots::document(name).unwrap_or_default();
            let answer = schemas.named(&answer).into_iter();
            (paths, api::openapi::components(schemas, answer))
        }
    };
    json!({
        "openapi": "3.0.0",
        "info": info(),
        "paths": paths,
        "components": { "schemas": components },
    })
}

/// The group version's own types, and those that its subresources exchange.
fn components(resources: &Resources, group: &str, version: &str) -> Map<String, Value> {
    let schemas = api::schema::builtin();
    let own = || {
        let all = resources.all().iter();
        all.filter(|it| it.group() == group && it.version() == version)
    };
    let older = own().filter_map(|it| it.older?.schema());
    let exchanged = own()
        .flat_map(|it| it.law.subresources())
        .filter(|sub| !sub.version.is_empty())
        .filter_map(|sub| schemas.kind(sub.group, sub.version, sub.kind));
    let mut all = api::openapi::v3_components(group, version);
    all.extend(api::openapi::components(schemas, exchanged));
    for (schemas, of) in older {
        all.extend(api::openapi::components(schemas, std::iter::once(of)));
    }
    all
}

/// The types of every kind, list and subresource that is served.
fn served_types(resources: &Resources) -> impl Iterator<Item = api::schema::TypeRef> {
    let schemas = api::schema::builtin();
    resources.all().iter().flat_map(move |it| {
        let list = format!("{}List", it.kind());
        let own =
            [it.kind(), list.as_str()].map(|kind| schemas.kind(it.group(), it.version(), kind));
        let exchanged = it.law.subresources().iter().map(|sub| match sub.version {
            "" => schemas.kind(it.group(), it.version(), sub.kind),
            version => schemas.kind(sub.group, version, sub.kind),
        });
        own.into_iter()
            .chain(exchanged)
            .flatten()
            .collect::<Vec<_>>()
    })
}

fn v2(resources: &Resources) -> Value {
    let schemas = api::schema::builtin();
    let (mut paths, answers) = roots::all(resources);
    paths.extend(paths::of(resources, None, paths::Dialect::V2));
    let answers = answers.iter().filter_map(|name| schemas.named(name));
    json!({
        "swagger": "2.0",
        "info": info(),
        "paths": paths,
        "definitions": api::openapi::v2_definitions(served_types(resources).chain(answers)),
    })
}
