//! Frames of a watch: JSON lines, or protobuf messages behind their length.

use crate::negotiate::Encoding;
use bytes::Bytes;
use machinery::status::Status;

/// Bytes that tell the length of a protobuf frame.
const LENGTH_BYTES: usize = 4;

/// A frame around an object that is stored with the frame's end behind it.
pub(crate) fn stored(kind: &'static str, framed: &[u8]) -> Bytes {
    [&head(kind), framed].concat().into()
}

/// What comes before such an object in its frame.
pub(crate) fn head(kind: &'static str) -> Bytes {
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
            .map(|object| api::protobuf::watch_frame(kind, &object).into())
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
