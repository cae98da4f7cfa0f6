//! Bodies of requests: bounded, in JSON, YAML or protobuf, checked as strictly as the client asks.

mod refusal;

pub(crate) use refusal::{Expected, expect_kind};

use crate::{answer::Body, resources::Resource};
use api::{AnyObject, Object, protobuf, schema, strict};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use k8s_openapi::api::autoscaling::v1::Scale;
use machinery::{canonical, status::Status};
use refusal::malformed;
use std::{
    io::{self, Read},
    time::Duration,
};

/// Largest body, upstream's `MaxRequestBodyBytes`.
const BODY_BYTES: usize = 3 << 20;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Reads a whole body.
pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Status> {
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > BODY_BYTES) {
        return Err(too_large());
    }
    let bytes = tokio::time::timeout(BODY_TIME, collect(body))
        .await
        .map_err(|_| {
            Status::failure(
                408,
                "Timeout",
                "the body of the request did not arrive in time",
            )
        })??;
    match headers
        .get(header::CONTENT_ENCODING)
        .map(|value| value.as_bytes())
    {
        Some(b"gzip") => inflate(&bytes),
        _ => Ok(bytes),
    }
}

async fn collect(mut body: Body) -> Result<Bytes, Status> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| Status::bad_request(format!("cannot read the body: {error}")))?;
        if let Ok(bytes) = frame.into_data() {
            if whole.len() + bytes.len() > BODY_BYTES {
                return Err(too_large());
            }
            whole.extend_from_slice(&bytes);
        }
    }
    Ok(whole.freeze())
}

fn inflate(bytes: &[u8]) -> Result<Bytes, Status> {
    let plain = unpacked(bytes, BODY_BYTES)
        .map_err(|error| Status::bad_request(format!("the gzip body is damaged: {error}")))?;
    plain.map(Bytes::from).ok_or_else(too_large)
}

/// What was packed with gzip; none when it is longer than `limit`.
///
/// # Errors
/// When it is damaged.
pub(crate) fn unpacked(bytes: &[u8], limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut plain = Vec::new();
    let packed = flate2::read::GzDecoder::new(bytes);
    packed.take(limit as u64 + 1).read_to_end(&mut plain)?;
    Ok((plain.len() <= limit).then_some(plain))
}

fn too_large() -> Status {
    Status::failure(
        413,
        "RequestEntityTooLarge",
        format!("Request entity too large: limit is {BODY_BYTES}"),
    )
}

/// The media type of the body, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let raw = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    raw.split(';').next().unwrap_or_default().trim()
}

/// The body as JSON, whatever it was written in.
pub(crate) fn to_json(headers: &HeaderMap, body: &Bytes) -> Result<Bytes, Status> {
    match media_type(headers) {
        "" | "application/json" => Ok(body.clone()),
        "application/yaml" => {
            let tree = machinery::yaml::parse(body)
                .map_err(|error| Status::bad_request(format!("error parsing YAML: {error}")))?;
            Ok(tree.to_string().into())
        }
        "application/vnd.kubernetes.protobuf" => from_protobuf(body),
        other => Err(unsupported(
            other,
            "application/json, application/yaml, application/vnd.kubernetes.protobuf",
        )),
    }
}

/// The type of a message whose envelope does not say it, as delete options come.
const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

fn from_protobuf(body: &[u8]) -> Result<Bytes, Status> {
    let bad = |error: protobuf::ProtobufError| Status::bad_request(error.to_string());
    let schemas = schema::builtin();
    let decoded = match (protobuf::decode(body), schemas.named(DELETE_OPTIONS)) {
        (Err(protobuf::ProtobufError::NoProtobuf { kind, .. }), Some(of))
            if kind.is_empty() || kind == "DeleteOptions" =>
        {
            protobuf::decode_as(body, schemas, of)
        }
        (Err(protobuf::ProtobufError::NoProtobuf { api_version, kind }), _) => {
            match kinds::find_older(&api_version, &kind).and_then(kinds::Older::schema) {
                Some((schemas, of)) => protobuf::decode_as(body, schemas, of),
                None => Err(protobuf::ProtobufError::NoProtobuf { api_version, kind }),
            }
        }
        (decoded, _) => decoded,
    };
    Ok(decoded.map_err(bad)?.json.into())
}

pub(crate) fn unsupported(media_type: &str, accepted: &str) -> Status {
    tracing::debug!(media_type, "unsupported media type");
    Status::failure(
        415,
        "UnsupportedMediaType",
        format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted}"
        ),
    )
}

/// What to do about fields the kind does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Strict,
    Warn,
    Ignore,
}

impl FieldValidation {
    /// `Warn` when nothing is said; none for a word that is none of the three.
    pub(crate) fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            None | Some("Warn") => Some(Self::Warn),
            Some("Strict") => Some(Self::Strict),
            Some("Ignore") => Some(Self::Ignore),
            Some(_) => None,
        }
    }
}

/// The object of a request's body, given as JSON and as it was sent: YAML has duplicate keys of its own.
pub(crate) fn body(
    call: &crate::verbs::Call,
    json: &[u8],
    sent: &[u8],
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn AnyObject>, Status> {
    let is_yaml = media_type(&call.headers) == "application/yaml";
    let duplicates = match is_yaml && validation != FieldValidation::Ignore {
        true => machinery::yaml::parse_strict(sent).ok().and_then(|it| it.1),
        false => None,
    };
    let resource = &*call.resource;
    let Some(found) = duplicates else {
        return object(resource, json, validation, warnings);
    };
    let prefix = "error converting YAML to JSON: ";
    let found = found.strip_prefix(prefix).unwrap_or(&found).to_owned();
    if validation == FieldValidation::Warn {
        warnings.push(found);
        return object(resource, json, validation, warnings);
    }
    let report = findings(resource, json, strict::report);
    let all: Vec<String> = std::iter::once(found).chain(report.strict).collect();
    let error = report
        .malformed
        .unwrap_or_else(|| format!("strict decoding error: {}", all.join(", ")));
    Err(malformed(resource.kind(), resource.version(), &error))
}

/// What `check` finds in an object of the resource's kind.
pub(crate) fn findings(
    resource: &Resource,
    json: &[u8],
    check: fn(&[u8], &schema::Schemas, schema::TypeRef) -> strict::Report,
) -> strict::Report {
    let schema = resource.schema();
    schema.map_or_else(Default::default, |(schemas, of)| check(json, schemas, of))
}

/// The body of a delete.
pub(crate) fn delete_options<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T, Status> {
    serde_json::from_slice(json).map_err(|error| refusal::options(json, DELETE_OPTIONS, &error))
}

/// A Scale, with its defaults.
pub(crate) fn scale(json: &[u8]) -> Result<Scale, Status> {
    Scale::decode(json).map_err(|error| {
        let schemas = schema::builtin();
        let schema = schemas
            .kind("autoscaling", "v1", "Scale")
            .map(|of| (schemas, of));
        malformed("Scale", "v1", &refusal::why(json, schema, &error.source))
    })
}

/// An object of the resource's kind, with defaults; findings about unknown fields become warnings or
/// a refusal.
pub(crate) fn object(
    resource: &Resource,
    json: &[u8],
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn AnyObject>, Status> {
    expect(resource, json)?;
    let report = check_fields(resource, json, validation, warnings)?;
    typed(resource, json, report.is_odd, warnings)
}

fn expect(resource: &Resource, json: &[u8]) -> Result<(), Status> {
    let expected = Expected {
        group: resource.group(),
        version: resource.version(),
        kind: resource.kind(),
    };
    expect_kind(json, &expected)
}

/// The same of JSON whose fields were checked already, and whether something odd was found in it.
pub(crate) fn checked_object(
    resource: &Resource,
    json: &[u8],
    is_odd: bool,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn AnyObject>, Status> {
    expect(resource, json)?;
    typed(resource, json, is_odd, warnings)
}

fn typed(
    resource: &Resource,
    json: &[u8],
    is_odd: bool,
    warnings: &mut Vec<String>,
) -> Result<Box<dyn AnyObject>, Status> {
    let written = match resource.schema() {
        Some((schemas, of)) if is_odd => as_written(schemas, of, json),
        _ => None,
    };
    let read = written.as_deref().unwrap_or(json);
    let (mut object, instead) = resource.decode(read).map_err(|error| {
        let why = refusal::why(json, resource.schema(), &error.source);
        malformed(resource.kind(), resource.version(), &why)
    })?;
    warnings.extend(instead);
    resource.law.default(&mut *object);
    Ok(object)
}

/// JSON as upstream writes what it read: few bodies need it. What is no JSON is refused later.
fn as_written(schemas: &schema::Schemas, of: schema::TypeRef, json: &[u8]) -> Option<Vec<u8>> {
    let mut tree = serde_json::from_slice(json).ok()?;
    canonical::write(schemas, &schema::Shape::Object(of), &mut tree);
    Some(tree.to_string().into_bytes())
}

/// Holds the fields of a body against the kind's schema; what remains to be known of it.
fn check_fields(
    resource: &Resource,
    json: &[u8],
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<strict::Report, Status> {
    let (kind, version) = (resource.kind(), resource.version());
    let mut report = findings(resource, json, strict::report);
    if let Some(wrong) = &report.malformed {
        return Err(malformed(kind, version, wrong));
    }
    match (validation, report.strict_error()) {
        (FieldValidation::Strict, Some(error)) => Err(malformed(kind, version, &error)),
        (FieldValidation::Warn, Some(_)) => {
            warnings.append(&mut report.strict);
            Ok(report)
        }
        _ => Ok(report),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn damaged_gzip_is_refused_or_bounded() {
        let packed = |plain: &[u8]| {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(plain).unwrap();
            out.finish().unwrap()
        };
        let (good, bomb) = (
            packed(b"{\"metadata\":{}}"),
            packed(&vec![b' '; BODY_BYTES + 1]),
        );
        assert_eq!(inflate(&bomb).unwrap_err().code, 413);
        fuzz::run("gzip", 600, |random| {
            let bytes = random.damaged(&good, &bomb);
            match inflate(&bytes) {
                Ok(plain) => assert!(plain.len() <= BODY_BYTES),
                Err(status) => assert!(matches!(status.code, 400 | 413), "{status:?}"),
            }
        });
    }
}
