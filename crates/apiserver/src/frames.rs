//! Frames of a watch: JSON lines, or protobuf messages behind their length.

use crate::{forms::PARTIAL_HEAD, negotiate::Encoding};
use bytes::Bytes;
use machinery::status::Status;

/// Bytes that tell the length of a protobuf frame.
const LENGTH_BYTES: usize = 4;

/// An event in pieces, so that the object in it is nobody's copy; those behind the first may be empty.
pub(crate) type Pieces = [Bytes; 3];

/// An event around an object that is stored with the frame's end behind it.
pub(crate) fn stored(kind: &'static str, framed: Bytes) -> Pieces {
    [head(kind), framed, Bytes::new()]
}

/// An event around an object given as JSON.
pub(crate) fn around(kind: &'static str, json: Bytes) -> Pieces {
    [head(kind), json, Bytes::from_static(b"}\n")]
}

/// An event around an object of which there is only metadata, given as JSON.
pub(crate) fn partial(kind: &'static str, metadata: Bytes) -> Pieces {
    let head = [&head(kind), PARTIAL_HEAD.as_bytes()].concat();
    [head.into(), metadata, Bytes::from_static(b"}}\n")]
}

/// An event around an object in protobuf.
pub(crate) fn protobuf(kind: &'static str, object: Bytes) -> Pieces {
    let head = api::protobuf::watch_head(kind, object.len());
    [head.into(), object, Bytes::new()]
}

/// An event in one piece.
pub(crate) fn whole(event: Bytes) -> Pieces {
    [event, Bytes::new(), Bytes::new()]
}

fn head(kind: &'static str) -> Bytes {
    Bytes::from_static(match kind {
        "ADDED" => br#"{"type":"ADDED","object":"#,
        "MODIFIED" => br#"{"type":"MODIFIED","object":"#,
        _ => br#"{"type":"DELETED","object":"#,
    })
}

/// A frame around an object given as JSON.
pub(crate) fn object(encoding: Encoding, kind: &str, json: &[u8]) -> Result<Bytes, Status> {
    match encoding {
        Encoding::Protobuf => api::protobuf::encode(json)
            .map(|object| {
                let head = api::protobuf::watch_head(kind, object.len());
                [head, object].concat().into()
            })
            .map_err(|error| Status::internal(&error)),
        Encoding::Json | Encoding::Yaml => {
            let kind = kind.as_bytes();
            let line = [br#"{"type":""#, kind, br#"","object":"#, json, b"}\n"];
            Ok(line.concat().into())
        }
    }
}

/// What a protobuf frame holds behind its length.
pub(crate) fn without_length(frame: Bytes) -> Bytes {
    frame.slice(LENGTH_BYTES.min(frame.len())..)
}

/// The frame that says why a watch ends.
pub(crate) fn error(encoding: Encoding, status: &Status) -> Bytes {
    // A Status has both forms, so there is nothing to report about this one.
    object(encoding, "ERROR", &status.encode()).unwrap_or_default()
}
