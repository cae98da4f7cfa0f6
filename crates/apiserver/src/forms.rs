//! Objects and lists written in the form that was asked for. Whole JSON is handed out as it is
//! stored; every other form is made from it.

mod pack;

pub(crate) use pack::GZIP_FROM_BYTES;

use crate::{
    answer::{self, Answer, Body},
    negotiate::{Encoding, Form, Shape},
    resources::Resource,
    watch_cache::Item,
};
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, header};
use http_body_util::{BodyExt, StreamBody};
use jiff::Timestamp;
use kinds::Column;
use machinery::status::Status;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use std::{borrow::Cow, sync::Arc};

/// Bytes of a list handed to the connection at a time.
const BLOCK_BYTES: usize = 64 << 10;

/// What a table row carries besides its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    None,
    Metadata,
    Object,
}

impl Include {
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, Status> {
        match text {
            None | Some("Metadata") => Ok(Self::Metadata),
            Some("None") => Ok(Self::None),
            Some("Object") => Ok(Self::Object),
            Some(other) => Err(Status::bad_request(format!(
                "unrecognized includeObject value: {other:?}"
            ))),
        }
    }
}

/// How to write objects of a resource.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) resource: Arc<Resource>,
    pub(crate) form: Form,
    pub(crate) include: Include,
    pub(crate) now: Timestamp,
    /// Whether the client takes a compressed answer.
    pub(crate) gzip: bool,
}

#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

impl Writer {
    /// Whether stored bytes can be handed out as they are.
    pub(crate) fn is_plain(&self) -> bool {
        self.form == Form::JSON && self.resource.is_served_as_stored()
    }

    /// An answer of one object, given in its served form.
    pub(crate) fn object(&self, code: u16, view: Bytes) -> Answer {
        let bytes = match self.form.shape {
            Shape::Whole => view,
            _ => self.shaped(&view, true)?,
        };
        self.encoded(code, bytes)
    }

    /// A single object's JSON in the wished shape, for a watch. `heading`: a table's columns too.
    pub(crate) fn watched(&self, item: &Item, heading: bool) -> Result<Bytes, Status> {
        match self.form.shape {
            Shape::Whole => self.resource.view_bytes(&item.bytes()),
            _ => self.shaped(&self.view(item)?, heading),
        }
    }

    /// The JSON of an object in its served form: most often as it is stored, where it lies.
    fn view<'i>(&self, item: &'i Item) -> Result<Cow<'i, [u8]>, Status> {
        if self.resource.is_served_as_stored() {
            return Ok(item.json().into());
        }
        let view = self.resource.view_bytes(&item.bytes())?;
        Ok(Vec::from(view).into())
    }

    fn shaped(&self, view: &[u8], heading: bool) -> Result<Bytes, Status> {
        match self.form.shape {
            Shape::Table => {
                let row = self.row(view)?;
                let mut metadata = json!({});
                if let Some(version) = resource_version(view) {
                    metadata["resourceVersion"] = version.into();
                }
                Ok(self.table(vec![row], metadata, heading).to_string().into())
            }
            _ => Ok(partial(view)?.into()),
        }
    }

    /// An answer of many. `metadata` is the list's.
    pub(crate) fn list(&self, items: Vec<Arc<Item>>, metadata: Value) -> Answer {
        match (self.form.shape, self.form.encoding) {
            (Shape::Whole, Encoding::Json) if !self.form.pretty => {
                self.plain_list(items, &metadata)
            }
            (Shape::Whole, Encoding::Protobuf) => self.protobuf_list(&items, &metadata),
            (Shape::Table, _) => {
                let mut rows = Vec::with_capacity(items.len());
                for item in &items {
                    rows.push(self.row(&self.view(item)?)?);
                }
                self.encoded(200, self.table(rows, metadata, true).to_string().into())
            }
            (Shape::Metadata, _) => {
                let mut partials = Vec::with_capacity(items.len());
                for item in &items {
                    partials.push(partial(&self.view(item)?)?);
                }
                let list = format!(
                    r#"{{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{metadata},"items":[{}]}}"#,
                    partials.join(",")
                );
                self.encoded(200, list.into())
            }
            (Shape::Whole, _) => {
                let mut whole = BytesMut::from(self.list_head(&metadata).as_bytes());
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        whole.extend_from_slice(b",");
                    }
                    whole.extend_from_slice(&self.view(item)?);
                }
                whole.extend_from_slice(b"]}\n");
                self.encoded(200, whole.freeze())
            }
        }
    }

    /// Encoded item by item: the list's JSON is never put together.
    fn protobuf_list(&self, items: &[Arc<Item>], metadata: &Value) -> Answer {
        let broken = |error: api::protobuf::ProtobufError| Status::internal(&error);
        let mut list = api::protobuf::List::new(
            &self.resource.api_version(),
            &format!("{}List", self.resource.kind()),
            metadata.to_string().as_bytes(),
        )
        .map_err(broken)?;
        for item in items {
            list.push(&self.view(item)?).map_err(broken)?;
        }
        let bytes = list.finish();
        Ok(answer::whole(200, self.form.media_type(), bytes))
    }

    fn list_head(&self, metadata: &Value) -> String {
        format!(
            r#"{{"kind":"{}List","apiVersion":"{}","metadata":{metadata},"items":["#,
            self.resource.kind(),
            self.resource.api_version()
        )
    }

    /// The stored bytes joined, a block at a time as the connection takes them.
    fn plain_list(&self, items: Vec<Arc<Item>>, metadata: &Value) -> Answer {
        let head = self.list_head(metadata);
        let writer = self.clone();
        let size: usize = items.iter().map(|item| item.size()).sum();
        let packs = self.gzip && size >= GZIP_FROM_BYTES;
        let mut items = items.into_iter().enumerate();
        let mut block = BytesMut::from(head.as_bytes());
        let mut ended = false;
        let blocks = std::iter::from_fn(move || {
            if ended {
                return None;
            }
            while block.len() < BLOCK_BYTES {
                let Some((index, item)) = items.next() else {
                    block.extend_from_slice(b"]}\n");
                    ended = true;
                    break;
                };
                if index > 0 {
                    block.extend_from_slice(b",");
                }
                match writer.view(&item) {
                    Ok(view) => block.extend_from_slice(&view),
                    Err(error) => {
                        ended = true;
                        return Some(Err(error.into()));
                    }
                }
            }
            Some(Ok(block.split().freeze()))
        });
        let mut response = answer::json(200, Bytes::new());
        let frame = |block: Result<Bytes, crate::BoxError>| block.map(http_body::Frame::data);
        if !packs {
            *response.body_mut() = stream(futures::stream::iter(blocks.map(frame)));
            return Ok(response);
        }
        let fields = response.headers_mut();
        fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        fields.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        let packed = pack::Packed::new(blocks);
        *response.body_mut() = stream(futures::stream::iter(packed.map(frame)));
        Ok(response)
    }

    fn row(&self, view: &[u8]) -> Result<Value, Status> {
        let (object, _) = self
            .resource
            .decode(view)
            .map_err(|error| Status::internal(&error))?;
        let cells: Vec<Value> = self
            .resource
            .law
            .row(&*object, self.now)
            .into_iter()
            .map(Value::from)
            .collect();
        let mut row = json!({ "cells": cells });
        match self.include {
            Include::None => row["object"] = Value::Null,
            Include::Metadata => row["object"] = tree(partial(view)?.as_bytes())?,
            Include::Object => row["object"] = tree(view)?,
        }
        Ok(row)
    }

    fn table(&self, rows: Vec<Value>, metadata: Value, heading: bool) -> Value {
        let columns = heading.then(|| self.resource.law.columns());
        table(columns, rows, metadata)
    }

    /// Writes JSON in the wished encoding.
    fn encoded(&self, code: u16, json: Bytes) -> Answer {
        simple(self.form, code, json)
    }
}

/// A Table; without columns it goes on with one that had them.
pub(crate) fn table(columns: Option<&[Column]>, rows: Vec<Value>, metadata: Value) -> Value {
    let columns = columns.map(|columns| -> Vec<Value> {
        columns
            .iter()
            .map(|column| json!({ "name": column.name, "type": column.kind, "format": column.format, "description": column.description, "priority": column.priority }))
            .collect()
    });
    json!({ "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": columns, "rows": rows })
}

/// Any JSON that has a kind, in the wished encoding.
pub(crate) fn simple(form: Form, code: u16, json: impl Into<Bytes>) -> Answer {
    let json = json.into();
    let bytes = match form.encoding {
        Encoding::Json if form.pretty => indented(&json).into(),
        Encoding::Json => json,
        Encoding::Yaml => machinery::yaml::to_string(&tree(&json)?).into(),
        // Clients that ask for protobuf read the answer's media type; a few kinds have none.
        Encoding::Protobuf => match api::protobuf::encode(&json) {
            Ok(bytes) => bytes.into(),
            Err(error) => {
                tracing::debug!(%error, "answered in JSON");
                return Ok(answer::json(code, json));
            }
        },
    };
    Ok(answer::whole(code, form.media_type(), bytes))
}

/// JSON as people read it: two spaces a level, upstream's layout. Order and numbers stay as they are.
fn indented(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + 2 * depth, b' ');
    };
    for (at, &byte) in json.iter().enumerate() {
        if quoted {
            out.push(byte);
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'{' | b'[' => {
                out.push(byte);
                let closes = json
                    .get(at + 1)
                    .is_some_and(|next| matches!(next, b'}' | b']'));
                if !closes {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                let opened = at.checked_sub(1).and_then(|at| json.get(at));
                if !opened.is_some_and(|last| matches!(last, b'{' | b'[')) {
                    depth = depth.saturating_sub(1);
                    line(&mut out, depth);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            b' ' | b'\n' | b'\t' | b'\r' => {}
            byte => {
                quoted = byte == b'"';
                out.push(byte);
            }
        }
    }
    out.push(b'\n');
    out
}

/// A body made of a stream of frames.
pub(crate) fn stream(
    frames: impl futures::Stream<Item = Result<http_body::Frame<Bytes>, crate::BoxError>>
    + Send
    + 'static,
) -> Body {
    StreamBody::new(frames).boxed_unsync()
}

pub(crate) fn tree(json: &[u8]) -> Result<Value, Status> {
    serde_json::from_slice(json).map_err(|error| Status::internal(&error))
}

/// An object's metadata as it is written in the object.
fn partial(view: &[u8]) -> Result<String, Status> {
    let outline: Outline<'_> =
        serde_json::from_slice(view).map_err(|error| Status::internal(&error))?;
    let head = r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":"#;
    Ok([head, outline.metadata.get(), "}"].concat())
}

fn resource_version(view: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Meta {
        resource_version: Option<String>,
    }
    #[derive(Deserialize)]
    struct It {
        metadata: Meta,
    }
    serde_json::from_slice::<It>(view)
        .ok()?
        .metadata
        .resource_version
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indentation_changes_only_space() {
        let json = r#"{"a":{},"b":[],"c":[1,{"d":"x:{,\\\"}"}],"e":null}"#;
        let text = String::from_utf8(indented(json.as_bytes())).unwrap();
        let expected = "{\n  \"a\": {},\n  \"b\": [],\n  \"c\": [\n    1,\n    {\n      \"d\": \"x:{,\\\\\\\"}\"\n    }\n  ],\n  \"e\": null\n}\n";
        assert_eq!(text, expected);
        let (before, after): (Value, Value) = (
            serde_json::from_str(json).unwrap(),
            serde_json::from_str(&text).unwrap(),
        );
        assert_eq!(before, after);
    }
}
