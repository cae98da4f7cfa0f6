//! `/openapi/v2` and `/openapi/v3`: made when first asked for, then kept compressed, since they are
//! large and seldom read.

mod parameters;
mod paths;

use crate::{
    Door,
    answer::{self, Answer},
    discovery, negotiate,
    query::Query,
    resources::{Resource, Resources, api_version},
};
use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use http::{HeaderMap, HeaderValue, header};
use machinery::status::Status;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    io::{Read, Write},
};

/// Documents already made, gzipped, by name (`v2`, `apis/apps/v1`). Bounded by the group versions
/// that are served.
#[derive(Default)]
pub(crate) struct Documents(Mutex<HashMap<String, Bytes>>);

/// Whether objects of the resource can be written as protobuf.
pub(crate) fn writes_protobuf(resource: &Resource) -> bool {
    api::schema::builtin()
        .kind(resource.group(), resource.version(), resource.kind())
        .is_some()
}

/// Answers, when the path is one of these.
pub(crate) fn answer(
    door: &Door,
    path: &str,
    _query: &Query,
    headers: &HeaderMap,
) -> Option<Answer> {
    let below = path.strip_prefix("/openapi/")?.trim_end_matches('/');
    match below {
        "v2" if !accepts_json(headers) => Some(Err(Status::failure(
            406,
            "NotAcceptable",
            "only the following media types are accepted: application/json",
        ))),
        "v2" => Some(document(door, "v2", headers, || v2(&door.resources))),
        "v3" => Some(Ok(discovery::with_etag(
            headers,
            index(&door.resources).to_string().into(),
            "application/json",
        ))),
        below => {
            let name = below.strip_prefix("v3/")?;
            let (group, version) = group_version(name)?;
            if !door.resources.serves(group, version) {
                return None;
            }
            Some(document(door, name, headers, || {
                v3(&door.resources, group, version)
            }))
        }
    }
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let ranges = negotiate::ranges(headers);
    ranges.is_empty()
        || ranges
            .iter()
            .any(|it| matches!(it.media_type, "application/json" | "application/*" | "*/*"))
}

/// `api/v1`, `apis/apps/v1`.
fn group_version(name: &str) -> Option<(&str, &str)> {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        ["api", version] => Some(("", version)),
        ["apis", group, version] => Some((group, version)),
        _ => None,
    }
}

/// A document from the shelf; its hash is its ETag.
fn document(door: &Door, name: &str, headers: &HeaderMap, make: impl FnOnce() -> Value) -> Answer {
    let kept = door.openapi.0.lock().get(name).cloned();
    let packed = match kept {
        Some(packed) => packed,
        None => {
            let packed = pack(&make()).map_err(|error| Status::internal(&error))?;
            door.openapi
                .0
                .lock()
                .insert(name.to_owned(), packed.clone());
            packed
        }
    };
    let mut response = discovery::with_etag(headers, packed.clone(), "application/json");
    if response.status() != http::StatusCode::OK {
        return Ok(response);
    }
    if discovery::accepts_gzip(headers) {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    } else {
        let mut plain = Vec::new();
        GzDecoder::new(&packed[..])
            .read_to_end(&mut plain)
            .map_err(|error| Status::internal(&error))?;
        *response.body_mut() = answer::full(plain);
    }
    Ok(response)
}

fn pack(document: &Value) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(document.to_string().as_bytes())?;
    Ok(encoder.finish()?.into())
}

/// What a document is made from: the build and the group version. The documents need not be made to
/// be named.
fn hash(name: &str) -> String {
    let version = machinery::versions::info().to_string();
    discovery::hex(&Sha256::digest(format!("{version}\n{name}").as_bytes())).to_uppercase()
}

fn index(resources: &Resources) -> Value {
    let mut paths = Map::new();
    for resource in resources.all() {
        let root = if resource.group().is_empty() {
            "api"
        } else {
            "apis"
        };
        let name = format!(
            "{root}/{}",
            api_version(resource.group(), resource.version())
        );
        let url = format!("/openapi/v3/{name}?hash={}", hash(&name));
        paths.insert(name, json!({ "serverRelativeURL": url }));
    }
    json!({ "paths": paths })
}

fn info() -> Value {
    json!({ "title": "Kubernetes", "version": machinery::versions::info()["gitVersion"] })
}

fn v3(resources: &Resources, group: &str, version: &str) -> Value {
    json!({
        "openapi": "3.0.0",
        "info": info(),
        "paths": paths::of(resources, Some((group, version)), paths::Dialect::V3),
        "components": { "schemas": components(resources, group, version) },
    })
}

/// The group version's own types, and those that its subresources exchange.
fn components(resources: &Resources, group: &str, version: &str) -> Map<String, Value> {
    let schemas = api::schema::builtin();
    let own = resources
        .all()
        .iter()
        .filter(|it| it.group() == group && it.version() == version);
    let exchanged = own
        .flat_map(|it| it.law.subresources())
        .filter(|sub| !sub.version.is_empty())
        .filter_map(|sub| schemas.kind(sub.group, sub.version, sub.kind));
    let mut all = api::openapi::v3_components(group, version);
    all.extend(api::openapi::components(schemas, exchanged));
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
    json!({
        "swagger": "2.0",
        "info": info(),
        "paths": paths::of(resources, None, paths::Dialect::V2),
        "definitions": api::openapi::v2_definitions(served_types(resources)),
    })
}
