//! `/openapi/v2` and `/openapi/v3`: made when asked for and kept compressed for a while, since they are
//! large and seldom read.

mod parameters;
mod paths;
mod pieces;
mod roots;
mod shared;

use crate::{
    Door,
    answer::{self, Answer},
    discovery, negotiate,
    query::Query,
    resources::{Resource, Resources, api_version},
};
use api::{
    openapi::{Components, Dialect, gnostic::Encoder, shared},
    schema::descriptions::{self, Descriptions},
};
use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use http::{HeaderMap, HeaderValue, header};
use jiff::{ToSpan, tz::TimeZone};
use kinds::SubresourceKind;
use machinery::status::Status;
use pieces::{Document, Section};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::io::{self, BufWriter, Read, Write};

/// Most compressed bytes kept. Everything that is served takes less than this in one encoding.
pub(crate) const KEPT_BYTES: usize = 3 << 20;

/// How a document is written: the media types that ask for it, the one that it is answered in, and
/// what makes it.
struct Encoding {
    asked: &'static [&'static str],
    answered: &'static str,
    write: fn(Document<'_>, &mut dyn Write) -> io::Result<()>,
}

const JSON: Encoding = Encoding {
    asked: &["application/json", "application/*", "*/*"],
    answered: "application/json",
    write: pieces::json,
};

const V2_PROTOBUF: Encoding = Encoding {
    asked: &[
        "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    ],
    answered: "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    write: |document, out| pieces::protobuf(&Encoder::v2(), document, out),
};

const V3_PROTOBUF: Encoding = Encoding {
    asked: &[
        "application/com.github.proto-openapi.spec.v3@v1.0+protobuf",
        "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
    ],
    answered: "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
    write: |document, out| pieces::protobuf(&Encoder::v3(), document, out),
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
                .and_then(|encoding| document(door, "v2", headers, encoding)),
        ),
        "v3" => {
            let index = || Some(index(served).to_string().into());
            let index = door.discovery.get_or("/openapi/v3", index)?;
            Some(Ok(discovery::with_etag(headers, index, "application/json")))
        }
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
    let names = Names::new(&door.resources);
    if asked.is_some_and(|asked| asked != names.hash(name)) {
        let url = HeaderValue::from_str(&names.url(name));
        return Ok(answer::moved(
            url.map_err(|error| Status::internal(&error))?,
        ));
    }
    let encoding = encoding(headers, &V3_PROTOBUF)?;
    let mut response = document(door, name, headers, encoding)?;
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
fn document(door: &Door, name: &str, headers: &HeaderMap, encoding: &Encoding) -> Answer {
    let hash = Names::new(&door.resources).hash(name);
    let mut response = discovery::tagged(headers, &hash, Bytes::new(), encoding.answered);
    if response.status() != http::StatusCode::OK {
        return Ok(response);
    }
    let key = format!("{name} {}", encoding.answered);
    let packed = match door.openapi.get(&key) {
        Some(packed) => packed,
        None => {
            let packed = make(&door.resources, name, encoding);
            let packed = packed.map_err(|error| Status::internal(&error))?;
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

/// Writes a document, compressed.
fn make(resources: &Resources, name: &str, encoding: &Encoding) -> io::Result<Bytes> {
    let words = descriptions::load();
    let document = match name {
        "v2" => v2(resources, &words),
        name => v3(resources, &words, name),
    };
    let mut out = BufWriter::new(GzEncoder::new(Vec::new(), Compression::fast()));
    (encoding.write)(document, &mut out)?;
    Ok(out.into_inner()?.finish()?.into())
}

/// What documents are made from: the build, and what is served. They need not be made to be named.
struct Names(Sha256);

impl Names {
    fn new(resources: &Resources) -> Self {
        let mut made_from = Sha256::new();
        made_from.update(machinery::versions::info().to_string());
        for it in resources.all() {
            made_from.update(format!("\n{} {}", it.api_version(), it.names.plural));
        }
        Self(made_from)
    }

    fn hash(&self, document: &str) -> String {
        let made_from = self.0.clone().chain_update(format!("\n{document}"));
        discovery::hex(&made_from.finalize()).to_uppercase()
    }

    fn url(&self, document: &str) -> String {
        format!("/openapi/v3/{document}?hash={}", self.hash(document))
    }
}

fn index(resources: &Resources) -> Value {
    let hashes = Names::new(resources);
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
        let url = hashes.url(&name);
        (name, json!({ "serverRelativeURL": url }))
    });
    json!({ "paths": Map::from_iter(paths) })
}

fn info() -> Value {
    json!({ "title": "Kubernetes", "version": machinery::versions::info()["gitVersion"] })
}

fn v3<'a>(resources: &'a Resources, words: &'a Descriptions, name: &str) -> Document<'a> {
    let (paths, roots) = match group_version(name) {
        Some((group, version)) => {
            let own = move |it: &Resource| it.group() == group && it.version() == version;
            let roots = served_types(resources.all().iter().map(|it| &**it).filter(|it| own(it)));
            let list = roots::of_version(group, version, Dialect::V3);
            let all = resources.all().iter().filter(|it| own(it));
            let all: Vec<_> = all.map(|it| &**it).collect();
            let paths = paths::of(all.into_iter(), words, Dialect::V3).chain([list]);
            let paths: Box<dyn Iterator<Item = _>> = Box::new(paths);
            (paths, roots)
        }
        None => {
            let root = roots::document(name);
            let answer = root.iter().filter_map(|(_, answer)| answer.clone());
            let answer = answer.collect();
            let paths: Box<dyn Iterator<Item = _>> =
                Box::new(root.map(|(entry, _)| entry).into_iter());
            (paths, answer)
        }
    };
    Document {
        head: json!({ "openapi": "3.0.0", "info": info() }),
        sections: vec![
            Section {
                path: &["paths"],
                entries: paths,
            },
            Section {
                path: &["components", "schemas"],
                entries: Box::new(Components::new(Dialect::V3, words, roots)),
            },
        ],
    }
}

fn v2<'a>(resources: &'a Resources, words: &'a Descriptions) -> Document<'a> {
    let (paths, answers) = roots::all(resources);
    let all = || resources.all().iter().map(|it| &**it);
    let types = served_types(all()).into_iter().chain(answers);
    let parameters = shared::Shared::default();
    let met = parameters.clone();
    Document {
        head: json!({
            "swagger": "2.0",
            "info": info(),
            "security": [{ "BearerToken": [] }],
            "securityDefinitions": { "BearerToken": {
                "description": "Bearer Token authentication",
                "in": "header",
                "name": "authorization",
                "type": "apiKey",
            } },
        }),
        sections: vec![
            Section {
                path: &["paths"],
                entries: Box::new(
                    paths
                        .into_iter()
                        .chain(paths::of(all(), words, Dialect::V2))
                        .map(move |(path, item)| (path, met.replace(item))),
                ),
            },
            Section {
                path: &["parameters"],
                entries: Box::new(parameters.definitions()),
            },
            Section {
                path: &["definitions"],
                entries: Box::new(Components::new(Dialect::V2, words, types)),
            },
        ],
    }
}

/// The types of every kind, list and subresource, and what paths exchange besides. What a stream is
/// asked for with has no body.
fn served_types<'a>(resources: impl Iterator<Item = &'a Resource>) -> Vec<String> {
    let schemas = api::schema::builtin();
    let name = |group: &str, version: &str, kind: &str| {
        let of = schemas.kind(group, version, kind)?;
        Some(schemas.get(of).name.to_string())
    };
    let mut names = shared().to_vec();
    for it in resources {
        let list = format!("{}List", it.kind());
        for kind in [it.kind(), &list] {
            names.extend(name(it.group(), it.version(), kind));
        }
        let exchanged = it.law.subresources().iter();
        for sub in exchanged.filter(|sub| sub.serves != SubresourceKind::Connect) {
            let (group, version) = it.exchanged(sub);
            names.extend(name(group, version, sub.kind));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_other_resources_have_other_hashes() {
        let of = |advertise_removed| {
            let resources = Resources::new(kinds::list(), advertise_removed);
            Names::new(&resources).hash("v2")
        };
        assert_eq!(of(false), of(false));
        assert_ne!(of(false), of(true));
    }
}
