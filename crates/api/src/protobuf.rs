//! Protobuf as Kubernetes speaks it: `k8s\0`, a `runtime.Unknown` envelope, and inside it a message that
//! the schema tables describe. One table-driven transcoder between that and JSON serves every kind.
//!
//! Upstream: `k8s.io/apimachinery/pkg/runtime/serializer/protobuf`.

mod decode;
mod encode;
mod wire;

use crate::schema::{self, Schemas, TypeRef};
use wire::{Message, Payload};

/// What every enveloped message begins with.
pub const MAGIC: &[u8; 4] = b"k8s\0";

/// Messages nested deeper than this are refused.
const DEPTH_LIMIT: u32 = 64;

/// Bytes or JSON that cannot be transcoded.
#[derive(Debug, thiserror::Error)]
pub enum ProtobufError {
    /// The body lacks the magic prefix.
    #[error(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
    )]
    Magic,
    /// The message ends early, has a malformed number, or nests too deeply.
    #[error("cannot decode protobuf of {0}: the message is malformed")]
    Malformed(String),
    /// There is no protobuf for that kind (tables, custom resources).
    #[error("object {kind} ({api_version}) has no protobuf encoding: use JSON")]
    NoProtobuf {
        /// The `apiVersion` asked for.
        api_version: String,
        /// The `kind` asked for.
        kind: String,
    },
    /// The JSON is not JSON, or does not fit the kind.
    #[error("cannot encode {of} as protobuf: {why}")]
    Json {
        /// The type or field.
        of: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A decoded message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The envelope's `apiVersion`; empty when the sender left it out (delete options do).
    pub api_version: String,
    /// The envelope's `kind`.
    pub kind: String,
    /// The object, with `apiVersion` and `kind` when the envelope has them.
    pub json: Vec<u8>,
}

/// The envelope's parts.
struct Unknown<'a> {
    api_version: String,
    kind: String,
    raw: &'a [u8],
}

/// Decodes an enveloped message of a built-in kind into JSON.
///
/// # Errors
/// When the prefix is missing, the message is malformed or the kind has no protobuf.
pub fn decode(bytes: &[u8]) -> Result<Decoded, ProtobufError> {
    let unknown = open(bytes)?;
    let of = schema::builtin()
        .api_kind(&unknown.api_version, &unknown.kind)
        .ok_or_else(|| ProtobufError::NoProtobuf {
            api_version: unknown.api_version.clone(),
            kind: unknown.kind.clone(),
        })?;
    decode_unknown(unknown, schema::builtin(), of)
}

/// Decodes an enveloped message whose type the request says (options, and kinds the envelope omits).
///
/// # Errors
/// When the prefix is missing or the message is malformed.
pub fn decode_as(bytes: &[u8], schemas: &Schemas, of: TypeRef) -> Result<Decoded, ProtobufError> {
    decode_unknown(open(bytes)?, schemas, of)
}

fn decode_unknown(
    unknown: Unknown<'_>,
    schemas: &Schemas,
    of: TypeRef,
) -> Result<Decoded, ProtobufError> {
    let malformed = || ProtobufError::Malformed(schemas.get(of).name.to_string());
    let mut object = decode::message(schemas, of, unknown.raw, 0).ok_or_else(malformed)?;
    if !unknown.kind.is_empty() && schemas.get(of).field("kind").is_some() {
        object.insert("apiVersion".into(), unknown.api_version.clone().into());
        object.insert("kind".into(), unknown.kind.clone().into());
    }
    let json = serde_json::to_vec(&object).map_err(|_| malformed())?;
    Ok(Decoded {
        api_version: unknown.api_version,
        kind: unknown.kind,
        json,
    })
}

fn open(bytes: &[u8]) -> Result<Unknown<'_>, ProtobufError> {
    let body = bytes.strip_prefix(MAGIC).ok_or(ProtobufError::Magic)?;
    envelope(body).ok_or_else(|| ProtobufError::Malformed("runtime.Unknown".into()))
}

fn envelope(body: &[u8]) -> Option<Unknown<'_>> {
    let mut unknown = Unknown {
        api_version: String::new(),
        kind: String::new(),
        raw: &[],
    };
    let mut message = Message(body);
    while let Some((tag, payload)) = message.next()? {
        match (tag, payload) {
            (1, Payload::Bytes(meta)) => {
                let mut meta = Message(meta);
                while let Some((tag, payload)) = meta.next()? {
                    match (tag, payload) {
                        (1, Payload::Bytes(text)) => {
                            unknown.api_version = String::from_utf8(text.to_vec()).ok()?
                        }
                        (2, Payload::Bytes(text)) => {
                            unknown.kind = String::from_utf8(text.to_vec()).ok()?
                        }
                        _ => {}
                    }
                }
            }
            (2, Payload::Bytes(raw)) => unknown.raw = raw,
            _ => {}
        }
    }
    Some(unknown)
}

/// Encodes an object of a built-in kind, envelope included. The kind is read from the JSON.
///
/// # Errors
/// When it is not JSON, does not fit its kind, or the kind has no protobuf.
pub fn encode(json: &[u8]) -> Result<Vec<u8>, ProtobufError> {
    let object = parse(json)?;
    let text = |field: &str| {
        object
            .get(field)
            .and_then(|v| v.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let schemas = schema::builtin();
    match schemas.api_kind(&api_version, &kind) {
        Some(of) => encode_object(&object, schemas, of),
        None => Err(ProtobufError::NoProtobuf { api_version, kind }),
    }
}

/// Encodes JSON as a type that the caller names, envelope included.
///
/// # Errors
/// When it is not JSON or does not fit the type.
pub fn encode_as(json: &[u8], schemas: &Schemas, of: TypeRef) -> Result<Vec<u8>, ProtobufError> {
    encode_object(&parse(json)?, schemas, of)
}

fn parse(json: &[u8]) -> Result<serde_json::Map<String, serde_json::Value>, ProtobufError> {
    serde_json::from_slice(json).map_err(|error| ProtobufError::Json {
        of: "an object".into(),
        why: error.to_string(),
    })
}

fn encode_object(
    object: &serde_json::Map<String, serde_json::Value>,
    schemas: &Schemas,
    of: TypeRef,
) -> Result<Vec<u8>, ProtobufError> {
    let mut raw = Vec::with_capacity(1024);
    encode::message(schemas, of, object, &mut raw, 0)?;
    let (mut meta, mut bytes) = (Vec::new(), Vec::with_capacity(raw.len() + 64));
    for (tag, field) in [(1, "apiVersion"), (2, "kind")] {
        // Types without a kind of their own, such as WatchEvent, have an empty envelope.
        let known = schemas.get(of).field(field).and_then(|_| object.get(field));
        let text = known.and_then(|v| v.as_str()).unwrap_or_default();
        wire::put_bytes(&mut meta, tag, text.as_bytes());
    }
    bytes.extend_from_slice(MAGIC);
    wire::put_bytes(&mut bytes, 1, &meta);
    wire::put_bytes(&mut bytes, 2, &raw);
    wire::put_bytes(&mut bytes, 3, b"");
    wire::put_bytes(&mut bytes, 4, b"");
    Ok(bytes)
}

/// One frame of a watch: its length in four bytes, then a bare `WatchEvent` around an enveloped object.
#[must_use]
pub fn watch_frame(event: &str, enveloped: &[u8]) -> Vec<u8> {
    let (mut object, mut frame) = (Vec::with_capacity(enveloped.len() + 8), vec![0; 4]);
    wire::put_bytes(&mut object, 1, enveloped);
    wire::put_bytes(&mut frame, 1, event.as_bytes());
    wire::put_bytes(&mut frame, 2, &object);
    // Objects are limited far below 4 GiB by the request body's limit.
    let length = u32::try_from(frame.len() - 4).unwrap_or(u32::MAX);
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

#[cfg(test)]
mod tests;
