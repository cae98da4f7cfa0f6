//! Protobuf as Kubernetes speaks it: `k8s\0`, a `runtime.Unknown` envelope, and inside it a message that
//! the schema tables describe. One table-driven transcoder between that and JSON serves every kind.
//!
//! Upstream: `k8s.io/apimachinery/pkg/runtime/serializer/protobuf`.

mod decode;
mod encode;
pub(crate) mod wire;

use crate::schema::{self, Schemas, TypeRef};
use serde::Deserialize;
use std::borrow::Cow;
use wire::{Message, Payload};

/// What every enveloped message begins with.
pub const MAGIC: &[u8; 4] = b"k8s\0";

/// Objects and lists nest no deeper, as in JSON (`serde_json`'s own limit), so that whoever may write an
/// object in one may read it in the other.
const DEPTH_LIMIT: u32 = 127;

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

/// The type of a kind. `APIVersions` travels without an `apiVersion`; it is core's.
fn type_of(api_version: &str, kind: &str) -> Option<TypeRef> {
    let api_version = if api_version.is_empty() {
        "v1"
    } else {
        api_version
    };
    schema::builtin().api_kind(api_version, kind)
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
    let of =
        type_of(&unknown.api_version, &unknown.kind).ok_or_else(|| ProtobufError::NoProtobuf {
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

/// Decodes a message without an envelope, such as the event of a watch frame, into JSON.
///
/// # Errors
/// When the message is malformed.
pub fn decode_bare(bytes: &[u8], schemas: &Schemas, of: TypeRef) -> Result<Vec<u8>, ProtobufError> {
    let malformed = || ProtobufError::Malformed(schemas.get(of).name.to_string());
    let object = decode::message(schemas, of, bytes, 1).ok_or_else(malformed)?;
    serde_json::to_vec(&object).map_err(|_| malformed())
}

fn decode_unknown(
    unknown: Unknown<'_>,
    schemas: &Schemas,
    of: TypeRef,
) -> Result<Decoded, ProtobufError> {
    let malformed = || ProtobufError::Malformed(schemas.get(of).name.to_string());
    let mut object = decode::message(schemas, of, unknown.raw, 1).ok_or_else(malformed)?;
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
    let meta = type_meta(json)?;
    encode_kind(&meta.api_version, &meta.kind, json)
}

/// Encodes an object whose kind is known, such as `v1` and `Pod`, envelope included.
///
/// # Errors
/// When it is not JSON, does not fit its kind, or the kind has no protobuf.
pub fn encode_kind(api_version: &str, kind: &str, json: &[u8]) -> Result<Vec<u8>, ProtobufError> {
    let meta = TypeMeta {
        api_version: api_version.into(),
        kind: kind.into(),
    };
    match type_of(api_version, kind) {
        Some(of) => encode_of(&meta, json, schema::builtin(), of),
        None => Err(ProtobufError::NoProtobuf {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
        }),
    }
}

/// Encodes JSON as a type that the caller names, envelope included.
///
/// # Errors
/// When it is not JSON or does not fit the type.
pub fn encode_as(json: &[u8], schemas: &Schemas, of: TypeRef) -> Result<Vec<u8>, ProtobufError> {
    // Types without a kind of their own, such as WatchEvent, have an empty envelope.
    let meta = match schemas.get(of).field("kind") {
        Some(_) => type_meta(json)?,
        None => TypeMeta::default(),
    };
    encode_of(&meta, json, schemas, of)
}

fn encode_of(
    meta: &TypeMeta<'_>,
    json: &[u8],
    schemas: &Schemas,
    of: TypeRef,
) -> Result<Vec<u8>, ProtobufError> {
    let raw = bare(json, schemas, of)?;
    let room = raw.len() + TAIL.len();
    let mut bytes = head(&meta.api_version, &meta.kind, raw.len(), room);
    bytes.extend_from_slice(&raw);
    bytes.extend_from_slice(TAIL);
    Ok(bytes)
}

fn bare(json: &[u8], schemas: &Schemas, of: TypeRef) -> Result<Vec<u8>, ProtobufError> {
    encode::bare(schemas, of, json).map_err(|error| ProtobufError::Json {
        of: schemas.get(of).short_name().to_owned(),
        why: error.to_string(),
    })
}

/// The envelope up to the message of this length. The caller appends `room` bytes: what is kept as long as the
/// object has no spare ones.
fn head(api_version: &str, kind: &str, length: usize, room: usize) -> Vec<u8> {
    let meta = wire::bytes_length(1, api_version.len()) + wire::bytes_length(2, kind.len());
    let own = MAGIC.len() + wire::bytes_length(1, meta) + wire::head_length(2, length);
    let mut bytes = Vec::with_capacity(own + room);
    bytes.extend_from_slice(MAGIC);
    wire::put_head(&mut bytes, 1, meta);
    wire::put_bytes(&mut bytes, 1, api_version.as_bytes());
    wire::put_bytes(&mut bytes, 2, kind.as_bytes());
    wire::put_head(&mut bytes, 2, length);
    bytes
}

/// The envelope's end: no content encoding, no content type.
const TAIL: &[u8] = &[3 << 3 | 2, 0, 4 << 3 | 2, 0];

/// What is written around the items of a list, which are encoded already: the JSON of the whole is never
/// put together, nor need its protobuf be.
pub struct List {
    /// What comes before the items.
    pub head: Vec<u8>,
    /// What comes after them.
    pub tail: &'static [u8],
    /// The length of all of it.
    pub length: usize,
}

impl List {
    /// Begins a list of a built-in kind, such as `v1` and `PodList`. `metadata` is the list's, as JSON; the
    /// items are encoded with their envelopes.
    ///
    /// # Errors
    /// When there is no protobuf for the list, or the metadata is none.
    pub fn around(
        items: &[impl AsRef<[u8]>],
        (api_version, kind): (&str, &str),
        metadata: &[u8],
    ) -> Result<Self, ProtobufError> {
        let schemas = schema::builtin();
        let missing = || ProtobufError::NoProtobuf {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
        };
        let of = schemas.api_kind(api_version, kind).ok_or_else(missing)?;
        schemas.get(of).field("items").ok_or_else(missing)?;
        let own = bare(&[b"{\"metadata\":", metadata, b"}"].concat(), schemas, of)?;
        let length = |item: &[u8]| wire::bytes_length(ITEMS, inside(item).len());
        let all: usize = items.iter().map(|item| length(item.as_ref())).sum();
        let mut head = head(api_version, kind, own.len() + all, own.len());
        head.extend_from_slice(&own);
        Ok(Self {
            length: head.len() + all + TAIL.len(),
            head,
            tail: TAIL,
        })
    }

    /// Appends an item, encoded with its envelope.
    pub fn put(list: &mut Vec<u8>, item: &[u8]) {
        wire::put_bytes(list, ITEMS, inside(item));
    }
}

/// Metadata is field 1 of every list, items are field 2 (tested over the whole table).
const ITEMS: u32 = 2;

/// The message in an envelope of ours.
fn inside(enveloped: &[u8]) -> &[u8] {
    let mut fields = Message(enveloped.get(MAGIC.len()..).unwrap_or_default());
    while let Some(Some((tag, payload))) = fields.next() {
        if let (2, Payload::Bytes(raw)) = (tag, payload) {
            return raw;
        }
    }
    &[]
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TypeMeta<'a> {
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

fn type_meta(json: &[u8]) -> Result<TypeMeta<'_>, ProtobufError> {
    serde_json::from_slice(json).map_err(|error| ProtobufError::Json {
        of: "an object".into(),
        why: error.to_string(),
    })
}

/// What comes before an enveloped object of this length in a frame of a watch: the frame's length in four
/// bytes, then a bare `WatchEvent` up to the object.
#[must_use]
pub fn watch_head(event: &str, length: usize) -> Vec<u8> {
    let object = wire::bytes_length(1, length);
    let around = wire::bytes_length(1, event.len()) + wire::head_length(2, object);
    let mut frame = Vec::with_capacity(4 + around + wire::head_length(1, length));
    frame.extend_from_slice(&[0; 4]);
    wire::put_bytes(&mut frame, 1, event.as_bytes());
    wire::put_head(&mut frame, 2, object);
    wire::put_head(&mut frame, 1, length);
    // Objects are limited far below 4 GiB by the request body's limit.
    let length = u32::try_from(frame.len() - 4 + length).unwrap_or(u32::MAX);
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

#[cfg(test)]
mod tests;
