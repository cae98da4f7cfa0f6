//! The messages that JSON shows as one value.

use crate::{
    protobuf::wire::{put_bytes, put_varint},
    schema::Shape,
};
use std::borrow::Cow;

/// Go's zero time, 0001-01-01T00:00:00Z, which protobuf writes as an empty message.
const ZERO_TIME_SECONDS: i64 = -62_135_596_800;

/// A message made from the text of a value; `None` when the value is none of the shape's.
pub(super) fn message(shape: &Shape, json: &str) -> Option<Vec<u8>> {
    let mut inner = Vec::new();
    if *shape == Shape::Any {
        put_bytes(&mut inner, 1, json.as_bytes());
        return Some(inner);
    }
    if json == "null" {
        return Some(match shape {
            Shape::Quantity => message(shape, "\"0\"")?,
            Shape::IntOrString => message(shape, "0")?,
            _ => inner,
        });
    }
    let text = json.starts_with('"').then(|| unquoted(json));
    match (shape, text) {
        (Shape::Time | Shape::MicroTime, Some(text)) => {
            let at: jiff::Timestamp = text?.parse().ok()?;
            let nanos = at.as_nanosecond();
            // Go counts nanoseconds forward from the second, also before 1970.
            let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok()?;
            let micros = u64::try_from(nanos.rem_euclid(1_000_000_000) / 1000).ok()?;
            let fraction = if *shape == Shape::Time {
                0
            } else {
                micros * 1000
            };
            if (seconds, fraction) != (ZERO_TIME_SECONDS, 0) {
                put_varint(&mut inner, 1, seconds as u64);
                put_varint(&mut inner, 2, fraction);
            }
        }
        (Shape::Quantity, Some(text)) => put_bytes(&mut inner, 1, text?.as_bytes()),
        (Shape::Quantity, None) => put_bytes(&mut inner, 1, number(json)?.as_bytes()),
        (Shape::IntOrString, Some(text)) => {
            put_varint(&mut inner, 1, 1);
            put_varint(&mut inner, 2, 0);
            put_bytes(&mut inner, 3, text?.as_bytes());
        }
        (Shape::IntOrString, None) => {
            let number: i32 = json.parse().ok()?;
            put_varint(&mut inner, 1, 0);
            put_varint(&mut inner, 2, i64::from(number) as u64);
            put_bytes(&mut inner, 3, b"");
        }
        _ => return None,
    }
    Some(inner)
}

fn unquoted(json: &str) -> Option<Cow<'_, str>> {
    let inside = &json[1..json.len().checked_sub(1)?];
    if inside.contains('\\') {
        return serde_json::from_str(json).ok().map(Cow::Owned);
    }
    Some(inside.into())
}

fn number(json: &str) -> Option<&str> {
    json.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        .then_some(json)
}
